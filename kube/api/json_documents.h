#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace spillway::kube {

// Walks the API objects of a text that holds any number of JSON documents one after the other (a file, several
// concatenated, or newline-delimited), descending into Lists (a top-level "items" array), without building anything. It
// only finds where each object begins and ends: brackets and strings are balanced, contents are the Decoder's business.
struct JsonObject {
  std::string_view raw;   // points into the text
  std::string_view kind;  // the object's own, or its list's ("Pod" of "PodList"); empty when neither says
  std::size_t offset = 0;
  std::ptrdiff_t item = -1;  // position in its list; -1 when it stands alone
};

// Calls `each` in order until it fails. Errors (kMalformed) begin with "line:column: ".
Status ForEachJsonObject(std::string_view text, const std::function<Status(const JsonObject&)>& each);

// "12:345" of an offset, both from 1, columns in bytes.
std::string LineAndColumn(std::string_view text, std::size_t offset);

}  // namespace spillway::kube
