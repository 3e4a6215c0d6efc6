#pragma once

#include <string>

// For signatures that emulators verify; not the provider's own.
namespace spillway::emulators {

std::string HexDigest(const std::string& text);  // SHA-256
std::string MacSha256(const std::string& key, const std::string& text);
std::string MacSha1(const std::string& key, const std::string& text);
std::string Hex(const std::string& bytes);

}  // namespace spillway::emulators
