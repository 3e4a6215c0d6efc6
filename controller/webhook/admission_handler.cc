#include "controller/webhook/admission_handler.h"

#include <optional>
#include <string>
#include <utility>

namespace spillway::webhook {
namespace {

std::optional<Duty> DutyAt(std::string_view path) {
  if (path == kInjectPath) return Duty::kInject;
  if (path == kAdoptPath) return Duty::kAdopt;
  return std::nullopt;
}

net::ServerResponse Text(int status, std::string body) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

struct Admission {
  Runtime& runtime;
  RulesNow rules;
  NoteAnswer note;

  net::ServerResponse Answer(const net::ServerRequest& request) const {
    const std::optional<Duty> duty = DutyAt(request.path);
    if (!duty) return Text(404, "no such webhook: there are /mutate/inject and /mutate/adopt\n");
    if (request.method != "POST") return Text(405, "AdmissionReviews are posted\n");
    const Instant begun = runtime.Now();
    AdmissionAnswer answer = Review(request.body, *duty, rules());
    note(*duty, answer, runtime.Now() - begun);
    if (answer.status != 200) return Text(answer.status, std::move(answer.body));
    return {.body = std::move(answer.body)};
  }
};

Task<net::ServerResponse> AnswerReview(const Admission& admission, net::ServerRequest request) {
  co_return admission.Answer(request);
}

}  // namespace

std::string_view ToString(Duty duty) { return duty == Duty::kInject ? "inject" : "adopt"; }

net::Handler AdmissionHandler(Runtime& runtime, RulesNow rules, NoteAnswer note) {
  auto admission = std::make_shared<const Admission>(Admission{runtime, std::move(rules), std::move(note)});
  return [admission](net::ServerRequest request) { return AnswerReview(*admission, std::move(request)); };
}

}  // namespace spillway::webhook
