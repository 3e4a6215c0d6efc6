#include <fmt/core.h>
#include <fmt/ranges.h>

#include <map>
#include <optional>
#include <utility>

#include "base/log.h"
#include "cmd/removal/removal.h"
#include "cmd/removal/virtual_nodes.h"
#include "kube/paths.h"

namespace spillway::cmd {
namespace {

using kube::Json;
using kube::TextAt;

constexpr std::string_view kNodeLeaseNamespace = "kube-node-lease";

class Forgetting {
 public:
  Forgetting(kube::Client& client, Removal removal, std::vector<std::string> leases)
      : client_(client), removal_(std::move(removal)), leases_(std::move(leases)) {}

  Task<Status> Run() {
    const Instant deadline = client_.runtime().Now() + removal_.timeout;
    while (true) {
      const Status looked = co_await Look();
      if (looked && held_.empty()) co_return Status();
      if (!looked && !base::IsTransient(looked.error())) co_return Fail(looked.error());
      if (client_.runtime().Now() >= deadline) {
        if (!looked) co_return Fail(looked.error());
        co_return Fail(Code::kDeadlineExceeded,
                       fmt::format("not deleted, since somebody still holds the lease: {}", fmt::join(held_, "; ")));
      }
      co_await client_.runtime().SleepFor(kRemovalPause);
    }
  }

 private:
  struct Sight {
    std::string renewed;
    Instant since;
  };

  // Deletes what nobody holds; the rest is in held_.
  Task<Status> Look() {
    held_.clear();
    std::string selector = removal_.selector;
    std::set<std::string> keep = removal_.keep;
    const auto nodes = co_await ListVirtualNodes(client_, std::move(selector), std::move(keep));
    if (!nodes) co_return Fail(nodes.error());
    for (const Json& node : *nodes) {
      std::string name = TextAt(node, "metadata", "name"), uid = TextAt(node, "metadata", "uid");
      Status done = co_await ForgetNode(std::move(name), std::move(uid));
      if (!done) co_return done;
    }
    for (const std::string& lease : leases_) {
      std::string path = kube::LeasePath(lease.substr(0, lease.find('/')), lease.substr(lease.find('/') + 1));
      std::string shown = lease;
      Status done = co_await ForgetLease(std::move(path), std::move(shown));
      if (!done) co_return done;
    }
    co_return Status();
  }

  // The Lease last: without it an agent that comes back would wait for nothing.
  Task<Status> ForgetNode(std::string name, std::string uid) {
    const std::string lease_path = kube::LeasePath(kNodeLeaseNamespace, name);
    const auto held = co_await IsHeld(lease_path, name);
    if (!held) co_return Fail(held.error());
    if (*held) co_return Status();
    std::string path = kube::NodePath(name);
    Status deleted = co_await Delete(std::move(path), std::move(uid));
    if (!deleted) co_return deleted;
    log::Info("deleted Node", {{"node", name}});
    std::string lease = lease_path;
    Status done = co_await ForgetLease(std::move(lease), std::move(name));
    co_return done;
  }

  Task<Status> ForgetLease(std::string path, std::string shown) {
    const auto held = co_await IsHeld(path, std::move(shown));
    if (!held) co_return Fail(held.error());
    if (*held) co_return Status();
    Status done = co_await Delete(std::move(path), "");
    co_return done;
  }

  // Notes it in held_ if so. One that is not there is held by nobody.
  Task<Result<bool>> IsHeld(std::string path, std::string shown) {
    std::string asked = path;
    const Result<Json> lease = co_await client_.Get(std::move(asked));
    if (!lease && lease.error().code == Code::kNotFound) co_return false;
    if (!lease) co_return Fail(lease.error());
    const std::string holder = TextAt(*lease, "spec", "holderIdentity");
    if (holder.empty()) co_return false;
    const std::string renewed = TextAt(*lease, "spec", "renewTime");
    const Instant now = client_.runtime().Now();
    const auto [seen, is_new] = sights_.try_emplace(path, Sight{renewed, now});
    if (!is_new && seen->second.renewed != renewed) seen->second = Sight{renewed, now};
    const Duration lasts = std::chrono::seconds(kube::Integer(kube::At(*lease, "spec", "leaseDurationSeconds")));
    if (now - seen->second.since >= lasts + kRemovalPause) co_return false;
    held_.push_back(fmt::format("{}, by {}", shown, holder));
    co_return true;
  }

  Task<Status> Delete(std::string path, std::string uid) {
    Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
    if (!uid.empty()) options["preconditions"] = {{"uid", uid}};
    std::string target = path;
    const Result<Json> deleted = co_await client_.Delete(std::move(target), std::move(options));
    if (!deleted && deleted.error().code != Code::kNotFound) {
      Error error = deleted.error();
      co_return Fail(std::move(error).Annotated(fmt::format("deleting {}", path)));
    }
    co_return Status();
  }

  kube::Client& client_;
  const Removal removal_;
  const std::vector<std::string> leases_;
  std::map<std::string, Sight> sights_;  // by path, of Leases that are held
  std::vector<std::string> held_;
};

}  // namespace

Task<Status> ForgetVirtualNodes(kube::Client& client, Removal removal, std::vector<std::string> leases) {
  Forgetting forgetting(client, std::move(removal), std::move(leases));
  Status done = co_await forgetting.Run();
  co_return done;
}

Task<Status> DeleteSecrets(kube::Client& client, std::vector<std::string> secrets) {
  for (const std::string& secret : secrets) {
    std::string path = kube::SecretPath(secret.substr(0, secret.find('/')), secret.substr(secret.find('/') + 1));
    Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
    Result<Json> deleted = co_await client.Delete(std::move(path), std::move(options));
    if (!deleted && deleted.error().code != Code::kNotFound) {
      co_return Fail(std::move(deleted.error()).Annotated(fmt::format("deleting Secret {}", secret)));
    }
  }
  co_return Status();
}

}  // namespace spillway::cmd
