#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::cloud {

// $(NAME) is replaced by what `lookup` finds, and stays as it is when it finds nothing; $$ is one $, so that $$(NAME)
// comes out as $(NAME).
//
// Source: kubernetes third_party/forked/golang/expansion/expand.go.
std::string Expand(std::string_view text,
                   const std::function<std::optional<std::string>(std::string_view name)>& lookup);

}  // namespace spillway::cloud
