#pragma once

#include <string>
#include <string_view>

// What clouds' request signatures are made of; pure.
namespace spillway::cloud::rest {

// Bytes, not text: Hex() makes text of them.
std::string Sha256(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);
std::string HmacSha1(std::string_view key, std::string_view bytes);
// In lower case.
std::string Hex(std::string_view bytes);

// RFC 3986: everything but A-Z a-z 0-9 - _ . ~ as %XX in upper case.
std::string PercentEncoded(std::string_view text);

}  // namespace spillway::cloud::rest
