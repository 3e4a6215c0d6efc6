#include "cloud/providers/process/action.h"

#include <fmt/format.h>

#include <charconv>

#include "cloud/pod_network.h"
#include "cloud/providers/process/socket_channel.h"

namespace spillway::cloud {
namespace {

constexpr std::size_t kLongestOutput = 10u << 10;  // kubelet's
constexpr std::size_t kLongestStatusLine = 8u << 10;

std::string HostOf(const Json& handler, const std::string& pod_ip) {
  const std::string host = TextAt(handler, "host");
  if (host.empty()) return pod_ip;
  return host == "localhost" ? "127.0.0.1" : host;
}

// Source: kubelet and probe/util.go ResolveContainerPort, for the words too.
Result<std::uint16_t> PortOf(const Json& port, const Json& container) {
  std::int64_t number = Integer(port);
  if (port.is_string()) {
    const std::string text = Text(port);
    const Json& named = Named(At(container, "ports"), text);
    number = Integer(At(named, "containerPort"));
    const auto [end, error] = named.is_null() ? std::from_chars(text.data(), text.data() + text.size(), number)
                                              : std::from_chars_result{text.data() + text.size(), std::errc()};
    if (error != std::errc() || end != text.data() + text.size()) {
      return Fail(Code::kNotFound, fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", text));
    }
  }
  if (number < 1 || number > 65535) return Fail(Code::kNotFound, fmt::format("invalid port number: {}", number));
  return static_cast<std::uint16_t>(number);
}

std::string HttpText(const HttpAction& action) {
  std::string host = fmt::format("{}:{}", action.host, action.port), agent = "kube-probe/1.36", more;
  for (const auto& [name, value] : action.headers) {
    if (name == "Host") {
      host = value;
    } else if (name == "User-Agent") {
      agent = value;
    } else {
      more += fmt::format("{}: {}\r\n", name, value);
    }
  }
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\n{}Connection: close\r\n\r\n",
                     action.path, host, agent, more);
}

// Of "HTTP/1.1 200 OK"; 0: it is none.
int StatusCodeOf(std::string_view line) {
  int code = 0;
  if (!line.starts_with("HTTP/1.") || line.size() < 12) return 0;
  (void)std::from_chars(line.data() + 9, line.data() + 12, code);
  return code;
}

Task<void> CollectOutput(ContainerSession& session, OutputStream stream, std::string& output) {
  for (;;) {
    const std::string piece = co_await session.ReadOutput(stream);
    if (piece.empty()) co_return;
    output.append(piece, 0, kLongestOutput - std::min(kLongestOutput, output.size()));
  }
}

std::string Describe(const Action& action) {
  if (const auto* http = std::get_if<HttpAction>(&action)) {
    return fmt::format("Get \"http://{}:{}{}\": context deadline exceeded", http->host, http->port, http->path);
  }
  if (const auto* tcp = std::get_if<TcpAction>(&action)) {
    return fmt::format("dial tcp {}:{}: i/o timeout", tcp->host, tcp->port);
  }
  if (const auto* exec = std::get_if<ExecPlan>(&action)) {
    return fmt::format("command timed out: \"{}\"", fmt::join(exec->command.words, " "));
  }
  return "sleep was cut short";
}

}  // namespace

Result<std::optional<Action>> NetworkActionOf(const Json& handler, const Json& container, const std::string& pod_ip) {
  const auto refuse = [](std::string why) { return Fail(Code::kInvalidArgument, std::move(why)); };
  if (!At(handler, "grpc").is_null()) return refuse("grpc is not supported");
  if (const Json& sleep = At(handler, "sleep"); !sleep.is_null()) {
    return Action(SleepAction{std::chrono::seconds(Integer(At(sleep, "seconds")))});
  }
  const bool is_http = !At(handler, "httpGet").is_null();
  const Json& target = At(handler, is_http ? "httpGet" : "tcpSocket");
  if (target.is_null()) return std::optional<Action>();
  if (TextAt(target, "scheme") == "HTTPS") return refuse("httpGet with scheme HTTPS is not supported");
  const std::string host = HostOf(target, pod_ip);
  if (!IsIpAddress(host)) return refuse(fmt::format("host \"{}\" is not an IP address", host));
  const auto port = PortOf(At(target, "port"), container);
  if (!port) return Fail(port.error());
  if (!is_http) return Action(TcpAction{host, *port});
  HttpAction http{host, *port, TextAt(target, "path"), {}};
  if (!http.path.starts_with('/')) http.path.insert(0, "/");
  for (const Json& header : Items(At(target, "httpHeaders"))) {
    http.headers.emplace_back(TextAt(header, "name"), TextAt(header, "value"));
  }
  if (HttpText(http).find_first_of(std::string_view("\0", 1)) != std::string::npos ||
      http.path.find_first_of(" \r\n") != std::string::npos) {
    return refuse("httpGet.path is no path");
  }
  for (const auto& [name, value] : http.headers) {
    if ((name + value).find_first_of("\r\n") != std::string::npos) return refuse("httpGet.httpHeaders are no headers");
  }
  return Action(std::move(http));
}

Task<ActionResult> ActionRunner::Run(Action action, Duration timeout) {
  OneShot<ActionResult> done(runtime_);
  const TimerId timer = runtime_.PostAt(runtime_.Now() + timeout,
                                        [done, late = Describe(action)] { done.Set(ActionResult{false, late}); });
  TaskScope scope(runtime_);
  scope.Spawn(Do(std::move(action), done, scope));
  ActionResult result = co_await done.Wait();
  runtime_.CancelTimer(timer);
  co_return result;
}

Task<void> ActionRunner::Do(Action action, OneShot<ActionResult> done, TaskScope& scope) {
  ActionResult result;
  if (auto* exec = std::get_if<ExecPlan>(&action)) {
    result = co_await RunCommand(std::move(*exec), scope);
  } else if (auto* http = std::get_if<HttpAction>(&action)) {
    result = co_await Ask(std::move(*http));
  } else if (auto* tcp = std::get_if<TcpAction>(&action)) {
    result = co_await Connect(std::move(*tcp));
  } else {
    co_await runtime_.SleepFor(std::get<SleepAction>(action).length);
    result.is_success = true;
  }
  done.Set(std::move(result));
}

Task<ActionResult> ActionRunner::RunCommand(ExecPlan plan, TaskScope& scope) {
  ActionResult result;
  auto started = StartExec(watcher_, reaper_, plan);
  if (!started) {
    result.output = started.error().message;
    co_return result;
  }
  const std::shared_ptr<ContainerSession> session = *std::move(started);
  const auto errors = std::make_shared<std::string>();
  struct Reader {
    static Task<void> Read(std::shared_ptr<ContainerSession> from, std::shared_ptr<std::string> into) {
      co_await CollectOutput(*from, OutputStream::kStderr, *into);
    }
  };
  scope.Spawn(Reader::Read(session, errors));
  co_await CollectOutput(*session, OutputStream::kStdout, result.output);
  const Result<int> code = co_await session->Wait();
  result.output += *errors;
  result.is_success = code && *code == 0;
  co_return result;
}

Task<ActionResult> ActionRunner::Ask(HttpAction action) {
  ActionResult result;
  const std::string url = fmt::format("http://{}:{}{}", action.host, action.port, action.path);
  auto channel = co_await ConnectTcp(watcher_, action.host, action.port);
  if (!channel) {
    result.output = fmt::format("Get \"{}\": {}", url, channel.error().message);
    co_return result;
  }
  std::string answer;
  const bool is_sent = co_await (*channel)->Write(HttpText(action));
  while (is_sent && answer.find('\n') == std::string::npos && answer.size() < kLongestStatusLine) {
    const std::string piece = co_await (*channel)->Read();
    if (piece.empty()) break;
    answer += piece;
  }
  const int code = StatusCodeOf(answer);
  result.is_success = code >= 200 && code < 400;
  if (code == 0) {
    result.output = fmt::format("Get \"{}\": EOF", url);
  } else if (!result.is_success) {
    result.output = fmt::format("HTTP probe failed with statuscode: {}", code);
  }
  co_return result;
}

Task<ActionResult> ActionRunner::Connect(TcpAction action) {
  auto channel = co_await ConnectTcp(watcher_, action.host, action.port);
  co_return ActionResult{channel.has_value(), channel ? "" : channel.error().message};
}

void ActionSlot::Begin(Action action, Duration timeout) {
  Drop();
  is_busy_ = true;
  flow_.Spawn(Run(std::move(action), timeout));
}

Task<void> ActionSlot::Run(Action action, Duration timeout) {
  result_ = co_await runner_.Run(std::move(action), timeout);
  is_busy_ = false;
}

std::optional<ActionResult> ActionSlot::Take() { return std::exchange(result_, std::nullopt); }

void ActionSlot::Drop() {
  flow_.Clear();
  is_busy_ = false;
  result_.reset();
}

}  // namespace spillway::cloud
