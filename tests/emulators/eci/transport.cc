// How the emulator is reached: in process, over HTTP, and by tests that steer it.
#include <fmt/core.h>

#include <array>
#include <cstdio>
#include <utility>

#include "tests/emulators/eci/emulator.h"
#include "tests/emulators/eci/parameters.h"

namespace spillway::emulators::eci {
namespace {

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
  InProcess(Runtime& runtime, Emulator& emulator) : runtime_(runtime), emulator_(emulator) {}
  Task<Result<net::HttpResponse>> Send(net::HttpRequest request) override {
    auto answer = co_await emulator_.Serve(AsServed(std::move(request)));
    if (!answer && emulator_.faults().down) co_return Fail(Code::kUnavailable, "connection refused");
    if (!answer) {
      co_await runtime_.SleepFor(emulator_.options().lost_after);
      co_return Fail(Code::kDeadlineExceeded, "no answer in time");
    }
    net::HttpResponse response{answer->status, std::move(answer->body), std::move(answer->headers)};
    response.headers.emplace_back("date", HttpDate(runtime_.WallNow() + emulator_.faults().clock_offset));
    co_return response;
  }

 private:
  Runtime& runtime_;
  Emulator& emulator_;
};

void SetFaults(Faults& faults, const Json& wanted) {
  const std::pair<const char*, double*> shares[] = {{"no_stock", &faults.no_stock},
                                                    {"late_no_stock", &faults.late_no_stock},
                                                    {"throttled", &faults.throttled},
                                                    {"server_error", &faults.server_error},
                                                    {"lost_request", &faults.lost_request},
                                                    {"lost_reply", &faults.lost_reply},
                                                    {"ignored_delete", &faults.ignored_delete}};
  for (const auto& [name, share] : shares) *share = wanted.value(name, 0.0);
  faults.permission_lost = wanted.value("permission_lost", false);
  faults.in_arrears = wanted.value("in_arrears", false);
  faults.clock_offset = std::chrono::seconds(wanted.value("clock_offset_seconds", 0));
}

}  // namespace

std::unique_ptr<net::HttpClient> Emulator::NewClient() { return std::make_unique<InProcess>(runtime_, *this); }

net::ServerResponse Emulator::Steer(const net::ServerRequest& request) {
  net::ServerResponse response;
  const Json wanted = Json::parse(request.body, nullptr, false);
  if (request.path == "/_emulator/parameters") {
    response.body = Json(AcceptedParameters()).dump();
  } else if (request.path == "/_emulator/last_create") {
    response.body = Json(last_create_).dump();
  } else if (request.path == "/_emulator/faults" && wanted.is_object()) {
    SetFaults(options_.faults, wanted);
    response.body = "{}";
  } else if (request.path == "/_emulator/reclaim" && wanted.is_object()) {
    response.body = Json({{"reclaimed", Reclaim(wanted.value("id", ""))}}).dump();
  } else {
    response.status = 404;
  }
  return response;
}

Task<net::ServerResponse> Emulator::Handle(Emulator& emulator, net::ServerRequest request) {
  if (request.path.starts_with("/_emulator/")) co_return emulator.Steer(request);
  auto answer = co_await emulator.Serve(std::move(request));
  net::ServerResponse lost;
  lost.status = 504;
  lost.content_type = "text/plain";
  if (!answer) co_return lost;
  answer->headers.emplace_back("date", HttpDate(emulator.runtime_.WallNow() + emulator.faults().clock_offset));
  co_return *std::move(answer);
}

net::Handler Emulator::NewHandler() {
  return [this](net::ServerRequest request) { return Handle(*this, std::move(request)); };
}

}  // namespace spillway::emulators::eci
