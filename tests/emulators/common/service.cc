#include "tests/emulators/common/service.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace spillway::emulators {
namespace {

net::ServerRequest AsServed(net::HttpRequest request) {
  net::ServerRequest served;
  served.method = std::move(request.method);
  const std::size_t question = std::min(request.path.find('?'), request.path.size());
  served.path = request.path.substr(0, question);
  if (question < request.path.size()) served.query = request.path.substr(question + 1);
  served.headers = std::move(request.headers);
  served.body = std::move(request.body);
  return served;
}

class InProcess final : public net::HttpClient {
 public:
  InProcess(Runtime& runtime, Service& service) : runtime_(runtime), service_(service) {}
  Task<Result<net::HttpResponse>> Send(net::HttpRequest request) override {
    auto answer = co_await service_.Serve(AsServed(std::move(request)));
    const Service::Line line = service_.line();
    if (!answer && line.is_down) co_return Fail(Code::kUnavailable, "connection refused");
    if (!answer) {
      co_await runtime_.SleepFor(line.lost_after);
      co_return Fail(Code::kDeadlineExceeded, "no answer in time");
    }
    net::HttpResponse response{answer->status, std::move(answer->body), std::move(answer->headers)};
    response.headers.emplace_back("date", HttpDate(runtime_.WallNow() + line.clock_offset));
    co_return response;
  }

 private:
  Runtime& runtime_;
  Service& service_;
};

Task<net::ServerResponse> Handle(Runtime& runtime, Service& service, net::ServerRequest request) {
  if (request.path.starts_with("/_emulator/")) co_return service.Steer(request);
  auto answer = co_await service.Serve(std::move(request));
  net::ServerResponse lost;
  lost.status = 504;
  lost.content_type = "text/plain";
  if (!answer) co_return lost;
  answer->headers.emplace_back("date", HttpDate(runtime.WallNow() + service.line().clock_offset));
  co_return *std::move(answer);
}

}  // namespace

// "Thu, 06 Feb 2020 07:32:54 GMT"
std::string HttpDate(WallTime time) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(std::chrono::weekday{day}.c_encoding()),
                     static_cast<unsigned>(date.day()), kMonths.at(static_cast<unsigned>(date.month()) - 1),
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::unique_ptr<net::HttpClient> ConnectTo(Runtime& runtime, Service& service) {
  return std::make_unique<InProcess>(runtime, service);
}

net::Handler HandlerOf(Runtime& runtime, Service& service) {
  return [&runtime, &service](net::ServerRequest request) { return Handle(runtime, service, std::move(request)); };
}

int ServeOnLoopback(RealRuntime& runtime, Service& service, int count, char** arguments) {
  net::HttpServerOptions options;
  if (count > 1) options.port = static_cast<std::uint16_t>(std::atoi(arguments[1]));
  auto server = net::NewHttpServer(runtime, options, HandlerOf(runtime, service));
  if (!server) {
    std::fprintf(stderr, "%s: %s\n", arguments[0], server.error().message.c_str());
    return 1;
  }
  std::printf("http://127.0.0.1:%d\n", (*server)->port());
  std::fflush(stdout);
  runtime.Run([&runtime](int) { runtime.Stop(); });
  return 0;
}

}  // namespace spillway::emulators
