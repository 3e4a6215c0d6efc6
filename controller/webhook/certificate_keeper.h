#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/webhook/certificates.h"
#include "kube/client.h"
#include "kube/reflector.h"
#include "kube/transport.h"

namespace spillway::webhook {

struct CertificateKeeperOptions {
  std::string ns, secret;     // where CA and certificate are kept
  std::string configuration;  // name of the MutatingWebhookConfiguration that is told the CA
  CertificateTerms terms;
};

// Keeps CA and serving certificate in a Secret, renews them in time, and tells kube-apiserver the CA (the caBundle of
// all webhooks of one MutatingWebhookConfiguration, which is all of it that is touched). Replicas share the Secret:
// whoever writes first wins, by resourceVersion, and the others take what it wrote. What people undo in either object
// is put right within a second or so. Loop thread only, but for Shown().
class CertificateKeeper {
 public:
  // All outlive this. `client` is limited as those of it may be that must not wait.
  CertificateKeeper(Runtime& runtime, kube::Transport& transport, kube::Client& client,
                    CertificateKeeperOptions options);
  void Start();

  // What a server shows; null: there is none yet. Any thread.
  std::shared_ptr<const net::CertificateAndKey> Shown() const { return shown_.load(); }
  // Returns when there is something to show. One waiter.
  Task<void> UntilShown();
  // Ok once there is something to show; the error says what hinders it.
  Status Ready() const;
  // Whether kube-apiserver has been told the CA, as far as this process knows.
  bool is_published() const { return is_published_; }
  // When what is shown expires; the epoch: there is none.
  WallTime expires_at() const { return expires_at_; }

 private:
  Task<void> Run();
  Task<Status> Round();
  Task<Status> Write(kube::Json secret, Certificates certificates, bool exists);
  Task<Status> Publish(kube::Json configuration, std::string ca_pem);
  void Show(const Certificates& certificates);
  Duration Interval() const;
  void Tell(const Status& outcome);

  Runtime& runtime_;
  kube::Client& client_;
  CertificateKeeperOptions options_;
  std::atomic<std::shared_ptr<const net::CertificateAndKey>> shown_;
  WallTime expires_at_{};
  bool is_published_ = false;
  std::string trouble_;  // the last, empty: none
  Signal wake_, first_shown_;
  kube::Reflector<kube::RawObject> secret_watch_, configuration_watch_;
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::webhook
