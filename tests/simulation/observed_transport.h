#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "kube/transport.h"

namespace spillway::simulation {

// A bind that a controller has sent, whatever became of it.
struct SentBind {
  std::string uid, node, decision;
  std::string version;  // the Pod's resourceVersion that it demands
  Instant sent;
  std::size_t life = 0;      // of which process, see Lives
  bool is_answered = false;  // the exchange has ended, one way or another
  bool is_known = false;     // the process was told that it was carried out
};

// What one controller process, from its start to its end, is seen to do through its transport. Judges nothing but time.
struct ControllerLife {
  std::string name;
  Instant began{};
  std::optional<Instant> ended;
  std::optional<Instant> stopped;    // when it was told to end
  bool led_when_stopped = false;     // by the lease
  std::optional<Instant> gave_back;  // when it sent that it holds the lease no more
  // Of the lease, by the monotonic clock: sent + the renew deadline of the last renewal that succeeded. None: it never
  // led, or gave the lease back.
  std::optional<Instant> leads_until;
};

// What must not be, and the invariant that it breaks.
struct Wrong {
  std::string what, why;
};

// Who has the lease, as far as it was told so.
struct LeaseHolder {
  std::size_t life = 0;
  Instant until{};  // nobody else may lead before
};

// All that the controllers of a World do.
struct Deeds {
  std::vector<ControllerLife> lives;
  std::vector<SentBind> binds;
  std::vector<std::string> writes;  // neither event nor lease: "POST /api/v1/..."
  std::set<std::string> tried;      // UIDs of Pods for which a bind was sent
  std::vector<Wrong> wrong;
  std::optional<LeaseHolder> holder;
  std::optional<Instant> lease_deleted;           // by an administrator, the last time; its holder cannot know at once
  Duration retry_after{0};                        // put into every 429 to a bind or a read; 0: as it came
  std::function<void(std::size_t life)> on_bind;  // called once, when the next is sent, and forgotten
  // The one that put this decision on this Pod; null when no controller sent it.
  const SentBind* Find(const std::string& uid, const std::string& decision) const;
  // A bind was sent after that, and answered otherwise than by carrying it out.
  bool WasRefusedSince(Instant since) const;
};

// Lets requests through and notes them as deeds of the newest life.
class ObservedTransport final : public kube::Transport {
 public:
  // With a `renew_deadline` the process needs the lease to bind. All outlive this.
  ObservedTransport(Runtime& process, std::unique_ptr<kube::Transport> inner, Deeds& deeds, std::size_t life,
                    std::optional<Duration> renew_deadline)
      : process_(process), inner_(std::move(inner)), deeds_(deeds), life_(life), renew_deadline_(renew_deadline) {}
  Task<Result<kube::Response>> Send(kube::Request request) override;

 private:
  void NoteWrite(const kube::Request& request);
  void NoteBind(const kube::Request& request);
  void JudgeBind(const SentBind& bind, const kube::Request& request);
  // Whether somebody else leads while this one sends.
  void JudgeLeader(const kube::Request& request);
  void Found(const char* what, std::string why) { deeds_.wrong.push_back({what, std::move(why)}); }

  Runtime& process_;
  std::unique_ptr<kube::Transport> inner_;
  Deeds& deeds_;
  std::size_t life_;
  std::optional<Duration> renew_deadline_;
};

}  // namespace spillway::simulation
