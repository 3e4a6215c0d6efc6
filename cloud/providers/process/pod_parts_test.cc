// What Pods bring with them, as the provider `process` has it: volumes, names, probes, hooks, messages.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "cloud/providers/process/isolation.h"
#include "cloud/testing/process_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A port of loopback that answers each request with `status`.
class HttpStub {
 public:
  HttpStub() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(socket_.get(), 16);
    socklen_t size = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~HttpStub() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port = 0;
  std::atomic<int> status{200};

 private:
  void Serve() {
    for (;;) {
      const UniqueFd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.is_open()) return;
      char request[4096];
      (void)!::recv(client.get(), request, sizeof request, 0);
      const std::string answer = "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n";
      (void)!::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  UniqueFd socket_;
  std::thread thread_;
};

class ProcessPodTest : public testing::ProcessFixture {
 protected:
  static Json Shell(const std::string& name, const std::string& script) {
    return {{"name", name}, {"image", "none"}, {"command", {"sh", "-c", script}}};
  }
  static Json Mounts(Json container, std::vector<std::pair<std::string, std::string>> mounts) {
    for (auto& [name, path] : mounts) container["volumeMounts"].push_back({{"name", name}, {"mountPath", path}});
    return container;
  }
  static Json ExecHandler(const std::string& script) { return {{"exec", {{"command", {"sh", "-c", script}}}}}; }
  // Asks each second, and one failure is enough.
  static Json Probe(Json handler) {
    handler["periodSeconds"] = 1;
    handler["failureThreshold"] = 1;
    handler["timeoutSeconds"] = 20;
    return handler;
  }
  static CreateRequest Request(std::vector<Json> containers, const std::string& restart_policy = "Never") {
    CreateRequest request;
    request.identity = {"cluster", "vnode", "u", "default", "p"};
    request.pod["metadata"] = {{"name", "p"}, {"namespace", "default"}, {"uid", "u"}};
    request.pod["spec"] = {{"restartPolicy", restart_policy}, {"terminationGracePeriodSeconds", 20}};
    request.pod["spec"]["containers"] = std::move(containers);
    request.network.hostname = "web-0";
    return request;
  }
  static PodVolume Files(const std::string& name, std::vector<VolumeFile> files) {
    PodVolume volume;
    volume.name = name;
    volume.files = std::move(files);
    return volume;
  }
  static CreateRequest SayingGoodbye() {
    Json quiet = Shell("quiet", "echo log line; exit 3");
    quiet["terminationMessagePolicy"] = "FallbackToLogsOnError";
    Json elsewhere = Shell("elsewhere", "echo there > /spillway-message; exit 3");
    elsewhere["terminationMessagePath"] = "/spillway-message";
    return Request({Shell("main", "echo bye > /dev/termination-log; echo log; exit 3"), quiet, elsewhere});
  }
  static CreateRequest OldFiles() {
    Json container = Mounts(Shell("main", "sleep 1000"), {{"conf", "/conf"}});
    container["volumeMounts"].push_back({{"name", "conf"}, {"mountPath", "/one"}, {"subPath", "a"}});
    CreateRequest request = Request({container});
    request.volumes = {Files("conf", {{"a", "old", 0644}, {"b", "old", 0644}})};
    return request;
  }
  static std::vector<PodVolume> ChangedFiles() { return {Files("conf", {{"a", "new", 0600}, {"c", "new", 0644}})}; }
  static PodVolume Empty(const std::string& name) {
    PodVolume volume;
    volume.name = name;
    volume.kind = PodVolume::Kind::kEmptyDir;
    return volume;
  }

  Task<std::string> Create(CreateRequest request) {
    request.client_token = "0123456789abcdef01234567" + std::to_string(next_token_++);
    request.client_token = request.client_token.substr(request.client_token.size() - 24);
    auto made = co_await provider_->Create(std::move(request));
    EXPECT_TRUE(made) << (made ? "" : made.error().error.message);
    co_return made ? made->id : "";
  }
  Task<Instance> Now(std::string id) {
    std::vector<std::string> ids = {std::move(id)};
    auto seen = co_await provider_->Describe(std::move(ids));
    co_return seen && !seen->empty() ? seen->front() : Instance{};
  }
  Task<Instance> When(std::string id, std::function<bool(const Instance&)> done) {
    const Instant deadline = runtime_.Now() + 120s;
    for (;;) {
      Instance seen = co_await Now(id);
      const bool is_done = done(seen);
      if (!is_done && runtime_.Now() >= deadline) ADD_FAILURE() << "it never came to that";
      if (is_done || runtime_.Now() >= deadline) co_return seen;
      co_await runtime_.SleepFor(5ms);
    }
  }
  Task<Instance> Ended(std::string id) {
    std::function<bool(const Instance&)> has_ended = HasEnded;
    co_return co_await When(std::move(id), std::move(has_ended));
  }
  Task<std::string> LogsOf(std::string id, std::string container) {
    LogOptions options;
    options.container = std::move(container);
    std::string no_cursor;
    auto part = co_await provider_->streams()->ReadLog(std::move(id), options, std::move(no_cursor));
    co_return part ? part->text : part.error().message;
  }
  // Its container "main" has said that its trap is set.
  Task<void> UntilItSpeaks(std::string id) {
    std::string up;
    while (up.empty()) {
      up = co_await LogsOf(id, "main");
      co_await runtime_.SleepFor(5ms);
    }
  }
  Task<std::string> Exec(std::string id, std::string script) {
    ExecRequest request;
    request.container = "main";
    request.command = {"sh", "-c", std::move(script)};
    auto session = co_await provider_->streams()->Exec(std::move(id), std::move(request));
    if (!session) co_return session.error().message;
    std::string output;
    for (;;) {
      const std::string piece = co_await (*session)->ReadOutput(OutputStream::kStdout);
      if (piece.empty()) break;
      output += piece;
    }
    co_return output;
  }
  std::string ReadNote(const std::string& name) { return ReadPrivateFile(directory_ + "/" + name).value_or(""); }
};

class ProcessMountTest : public ProcessPodTest {
 protected:
  void SetUp() override {
    // Without CAP_SYS_ADMIN there is no mount namespace, and the provider does not say that it can mount; what it does
    // then is tested below. CI runs as root, and takes a skipped test for a failure.
    if (!CanIsolate()) GTEST_SKIP() << "mounts take root";
    ProcessPodTest::SetUp();
  }
};

FLOW_TEST(ProcessMountTest, FilesAreWhereTheyAreMountedAndCannotBeWritten) {
  const std::string script =
      "cat /spillway-test/conf/a /spillway-test/conf/deep/b; stat -Lc %a /spillway-test/conf/a;"
      "echo no 2>/dev/null > /spillway-test/conf/a || echo read-only;"
      "echo shared > /spillway-test/cache/note; echo $TMPDIR; ls /spillway-test";
  CreateRequest request =
      Request({Mounts(Shell("main", script), {{"conf", "/spillway-test/conf"}, {"cache", "/spillway-test/cache"}})});
  request.pod["spec"]["containers"].push_back(
      Mounts(Shell("other", "while ! cat /data/note 2>/dev/null; do sleep 0.01; done"), {{"cache", "/data"}}));
  request.volumes = {Files("conf", {{"a", "alpha\n", 0440}, {"deep/b", "beta\n", 0644}}), Empty("cache")};
  std::string id = co_await Create(std::move(request));
  const Instance ended = co_await Ended(id);
  EXPECT_EQ(ended.state, InstanceState::kSucceeded);
  const std::string main = co_await LogsOf(id, "main");
  EXPECT_THAT(main, StartsWith("alpha\nbeta\n440\nread-only\n"));
  EXPECT_THAT(main, EndsWith("cache\nconf\n"));
  EXPECT_EQ(co_await LogsOf(id, "other"), "shared\n");
  struct stat info{};
  EXPECT_NE(::stat("/spillway-test", &info), 0) << "the machine stays as it is";
  EXPECT_NE(::stat("/data/note", &info), 0);
}

FLOW_TEST(ProcessMountTest, ASubPathIsOneFileAndTheRestOfItsDirectoryStays) {
  Json container = Shell("main", "cat /etc/spillway-test.conf; test -e /etc/passwd && echo others; ls /w/x");
  container["volumeMounts"] =
      Json::array({Json{{"name", "conf"}, {"mountPath", "/etc/spillway-test.conf"}, {"subPath", "app.conf"}},
                   Json{{"name", "cache"}, {"mountPath", "/w/x/y"}, {"subPath", "made/here"}}});
  CreateRequest request = Request({container});
  request.volumes = {Files("conf", {{"app.conf", "one\n", 0644}}), Empty("cache")};
  std::string id = co_await Create(std::move(request));
  co_await Ended(id);
  EXPECT_EQ(co_await LogsOf(id, "main"), "one\nothers\ny\n");
}

FLOW_TEST(ProcessMountTest, ASubPathThatIsMissingIsAnEmptyDirectory) {
  Json container = Shell("main", "test -d /x && ls -A /x && cat /y/a");
  container["volumeMounts"] = Json::array({Json{{"name", "conf"}, {"mountPath", "/x"}, {"subPath", "no/such.key"}},
                                           Json{{"name", "conf"}, {"mountPath", "/y"}}});
  CreateRequest request = Request({container});
  request.volumes = {Files("conf", {{"a", "one\n", 0644}})};
  std::string id = co_await Create(std::move(request));
  const Instance ended = co_await Ended(id);
  EXPECT_EQ(ended.state, InstanceState::kSucceeded);
  EXPECT_EQ(co_await LogsOf(id, "main"), "one\n");
}

// As at a kubelet it waits, whatever its restart policy: it has never been started.
FLOW_TEST(ProcessMountTest, ASubPathThatLeadsElsewhereIsToldAndNothingStarts) {
  Json container = Shell("main", "true");
  container["volumeMounts"] =
      Json::array({Json{{"name", "conf"}, {"mountPath", "/x"}, {"subPath", "../../instance.json"}}});
  CreateRequest request = Request({container});
  request.volumes = {Files("conf", {{"a", "one\n", 0644}})};
  std::string id = co_await Create(std::move(request));
  const Instance held = co_await When(id, [](const Instance& i) { return !i.containers[0].message.empty(); });
  EXPECT_EQ(held.state, InstanceState::kPending);
  EXPECT_EQ(held.containers[0].kind, ContainerState::Kind::kWaiting);
  EXPECT_EQ(held.containers[0].reason, "CreateContainerConfigError");
  EXPECT_THAT(held.containers[0].message, StartsWith("failed to prepare subPath for volumeMount \"conf\""));
  EXPECT_THAT(held.events, Contains(Field(&InstanceEvent::message, "Error: " + held.containers[0].message)));
}

FLOW_TEST(ProcessMountTest, NothingIsMadeWhereALinkLeadsOutOfTheVolume) {
  Json maker = Mounts(Shell("maker", "ln -s " + directory_ + " /cache/out"), {{"cache", "/cache"}});
  Json container = Shell("main", "true");
  container["volumeMounts"] = Json::array({Json{{"name", "cache"}, {"mountPath", "/x"}, {"subPath", "out/made"}}});
  CreateRequest request = Request({container});
  request.pod["spec"]["initContainers"] = Json::array({maker});
  request.volumes = {Empty("cache")};
  std::string id = co_await Create(std::move(request));
  const Instance held = co_await When(id, [](const Instance& i) { return !i.containers[0].message.empty(); });
  EXPECT_THAT(held.containers[0].message, HasSubstr("out of the volume"));
  struct stat info{};
  EXPECT_NE(::stat((directory_ + "/made").c_str(), &info), 0);
}

FLOW_TEST(ProcessMountTest, ChangedFilesReachWhatRunsAllAtOnceButNoSubPath) {
  std::string id = co_await Create(OldFiles());
  co_await When(id, [](const Instance& i) { return i.state == InstanceState::kRunning; });
  const std::vector<PodVolume> changed = ChangedFiles();
  const CloudStatus updated = co_await provider_->UpdateVolumes(id, changed);
  EXPECT_TRUE(updated);
  EXPECT_EQ(co_await Exec(id, "cat /conf/a; ls /conf; cat /one; stat -Lc %a /conf/a"), "newa\nc\nold600\n");
  const std::string data = directory_ + "/state/" + id + "/volumes/conf/..data";
  const std::string before = std::filesystem::read_symlink(data);
  const CloudStatus again = co_await provider_->UpdateVolumes(id, changed);
  EXPECT_TRUE(again);
  EXPECT_EQ(std::filesystem::read_symlink(data), before) << "nothing has changed, and nothing is touched";
}

FLOW_TEST(ProcessMountTest, AMountMayHideWhereTheProviderKeepsItsThings) {
  CreateRequest request = Request(
      {Mounts(Shell("main", "pwd; echo $HOME $TMPDIR; touch $TMPDIR/x; ls " + directory_), {{"t", directory_}})});
  request.volumes = {Empty("t")};
  std::string id = co_await Create(std::move(request));
  co_await Ended(id);
  EXPECT_THAT(co_await LogsOf(id, "main"), StartsWith("/\n/ /tmp\n"));
}

FLOW_TEST(ProcessMountTest, NamesAreThePodsOwn) {
  CreateRequest request = Request({Shell("main", "hostname; cat /etc/hosts /etc/resolv.conf")});
  request.network.resolv_conf.nameservers = {"4.4.4.4"};
  request.network.resolv_conf.searches = {"shop.svc.cluster.local"};
  request.network.host_aliases = {{"10.9.9.9", {"db.local"}}};
  std::string id = co_await Create(std::move(request));
  co_await Ended(id);
  const std::string text = co_await LogsOf(id, "main");
  EXPECT_THAT(text, StartsWith("web-0\n"));
  EXPECT_THAT(text, HasSubstr("10.1.2.3\tweb-0\n"));
  EXPECT_THAT(text, HasSubstr("10.9.9.9\tdb.local\n"));
  EXPECT_THAT(text, EndsWith("nameserver 4.4.4.4\nsearch shop.svc.cluster.local\n"));
}

FLOW_TEST(ProcessMountTest, TheLastMessageIsInTheFileOrInTheLog) {
  std::string id = co_await Create(SayingGoodbye());
  const Instance ended = co_await Ended(id);
  EXPECT_EQ(ended.containers[0].ended->message, "bye\n");
  EXPECT_EQ(ended.containers[1].ended->message, "log line\n");
  EXPECT_EQ(ended.containers[2].ended->message, "there\n");
}

FLOW_TEST(ProcessMountTest, CommandsRunBesideAContainerSeeWhatItSees) {
  Json container = Mounts(Shell("main", "sleep 1000"), {{"cache", "/cache"}});
  container["readinessProbe"] = Probe(ExecHandler("cat /cache/ready"));
  CreateRequest request = Request({container});
  request.volumes = {Empty("cache")};
  std::string id = co_await Create(std::move(request));
  const Instance unready = co_await When(id, [](const Instance& i) { return !i.events.empty(); });
  EXPECT_FALSE(unready.containers[0].ready);
  EXPECT_EQ(unready.events[0].reason, "Unhealthy");
  EXPECT_THAT(unready.events[0].message, StartsWith("Readiness probe failed: cat: "));
  EXPECT_EQ(co_await Exec(id, "touch /cache/ready; hostname"), "web-0\n");
  const Instance ready = co_await When(id, [](const Instance& i) { return i.containers[0].ready; });
  EXPECT_EQ(ready.containers[0].restart_count, 0);
  EXPECT_EQ(co_await Exec(id, "rm /cache/ready"), "");
  co_await When(id, [](const Instance& i) { return !i.containers[0].ready; });
}

TEST_F(ProcessPodTest, WithoutMountsPodsWithVolumesAreNotTaken) {
  provider_.reset();
  ProcessProviderOptions options;
  options.state_dir = directory_ + "/state";
  options.may_mount = false;
  auto opened = ProcessProvider::Open(runtime_, options);
  ASSERT_TRUE(opened);
  EXPECT_FALSE((*opened)->updates_volumes());
  EXPECT_FALSE((*opened)->capabilities().features.Can("configMap"));
  EXPECT_TRUE((*opened)->capabilities().features.Can("livenessProbe"));
}

FLOW_TEST(ProcessPodTest, AContainerThatIsNotAliveIsStartedAgain) {
  Json container = Shell("main", "sleep 1000");
  container["livenessProbe"] = Probe(ExecHandler("echo not well; exit 1"));
  container["livenessProbe"]["terminationGracePeriodSeconds"] = 0;
  CreateRequest request = Request({container}, "Always");
  std::string id = co_await Create(std::move(request));
  const Instance again =
      co_await When(id, [](const Instance& i) { return !i.containers.empty() && i.containers[0].restart_count > 0; });
  EXPECT_TRUE(again.containers[0].last);
  if (!again.containers[0].last) co_return;
  EXPECT_EQ(again.containers[0].last->exit_code, 137);
  EXPECT_THAT(again.events, Contains(Field(&InstanceEvent::message, "Liveness probe failed: not well\n")));
  EXPECT_THAT(again.events,
              Contains(Field(&InstanceEvent::message, "Container main failed liveness probe, will be restarted")));
}

FLOW_TEST(ProcessPodTest, NothingElseIsAskedBeforeTheStartupProbeHasPassed) {
  const std::string flag = directory_ + "/started";
  Json container = Shell("main", "sleep 1000");
  container["startupProbe"] = Probe(ExecHandler("test -e " + flag));
  container["startupProbe"]["failureThreshold"] = 100;
  container["livenessProbe"] = Probe(ExecHandler("echo asked >> " + directory_ + "/asked"));
  CreateRequest request = Request({container});
  std::string id = co_await Create(std::move(request));
  const Instance early = co_await When(id, [](const Instance& i) { return !i.events.empty(); });
  EXPECT_FALSE(early.containers[0].started);
  EXPECT_FALSE(early.containers[0].ready);
  EXPECT_EQ(ReadNote("asked"), "");
  (void)WriteFileAtomically(flag, "");
  const Instance late = co_await When(id, [](const Instance& i) { return i.containers[0].started; });
  EXPECT_TRUE(late.containers[0].ready) << "it has no readiness probe";
  co_await When(id, [this](const Instance&) { return !ReadNote("asked").empty(); });
}

FLOW_TEST(ProcessPodTest, PortsAreAskedToo) {
  HttpStub stub;
  Json web = Shell("web", "sleep 1000"), tcp = Shell("tcp", "sleep 1000");
  web["ports"] = Json::array({Json{{"name", "http"}, {"containerPort", stub.port}}});
  web["readinessProbe"] = Probe({{"httpGet", {{"host", "127.0.0.1"}, {"port", "http"}, {"path", "/healthz"}}}});
  tcp["readinessProbe"] = Probe({{"tcpSocket", {{"host", "127.0.0.1"}, {"port", stub.port}}}});
  CreateRequest request = Request({web, tcp});
  std::string id = co_await Create(std::move(request));
  co_await When(id, [](const Instance& i) { return i.containers[0].ready && i.containers[1].ready; });
  stub.status = 503;
  const Instance sick = co_await When(id, [](const Instance& i) { return !i.containers[0].ready; });
  EXPECT_TRUE(sick.containers[1].ready);
  EXPECT_THAT(sick.events, Contains(Field(&InstanceEvent::message,
                                          "Readiness probe failed: HTTP probe failed with statuscode: 503")));
}

// Source: kubelet prober/prober.go, worker.go: what errs is told, and says nothing of the container.
FLOW_TEST(ProcessPodTest, AProbeOfAPortThatIsNotThereIsToldAndTheContainerRuns) {
  Json container = Shell("main", "sleep 1000");
  container["readinessProbe"] = Probe({{"httpGet", {{"port", "nope"}}}});
  container["livenessProbe"] = Probe({{"tcpSocket", {{"port", "nope"}}}});
  CreateRequest request = Request({container});
  std::string id = co_await Create(std::move(request));
  const auto has = [](const Instance& instance, std::string_view probe) {
    const std::string text =
        std::string(probe) +
        " probe errored and resulted in unknown state: strconv.Atoi: parsing \"nope\": invalid syntax";
    return std::any_of(instance.events.begin(), instance.events.end(), [&](const InstanceEvent& event) {
      return event.reason == "Unhealthy" && event.message == text && event.count >= 2;
    });
  };
  const Instance seen =
      co_await When(id, [has](const Instance& i) { return has(i, "Readiness") && has(i, "Liveness"); });
  EXPECT_TRUE(has(seen, "Readiness"));
  EXPECT_TRUE(has(seen, "Liveness"));
  EXPECT_EQ(seen.containers[0].kind, ContainerState::Kind::kRunning);
  EXPECT_FALSE(seen.containers[0].ready);
  EXPECT_EQ(seen.containers[0].restart_count, 0);
}

FLOW_TEST(ProcessPodTest, WhatCannotBeAskedIsRefusedByName) {
  Json container = Shell("main", "sleep 1000");
  container["readinessProbe"] = {{"httpGet", {{"port", 443}, {"scheme", "HTTPS"}}}};
  CreateRequest request = Request({container});
  request.client_token = "00112233445566778899aabb";
  const auto made = co_await provider_->Create(std::move(request));
  EXPECT_FALSE(made);
  if (made) co_return;
  EXPECT_EQ(made.error().refusal, Refusal::kInvalid);
  EXPECT_EQ(made.error().error.message, "container main: readinessProbe: httpGet with scheme HTTPS is not supported");
}

FLOW_TEST(ProcessPodTest, APostStartHookHoldsUpWhatComesAfterItsContainer) {
  const std::string flag = directory_ + "/flag", order = directory_ + "/order";
  Json first = Shell("first", "sleep 1000");
  first["lifecycle"]["postStart"] = ExecHandler("while ! test -e " + flag + "; do sleep 0.01; done");
  CreateRequest request = Request({first, Shell("second", "echo second > " + order)});
  std::string id = co_await Create(std::move(request));
  const Instance early =
      co_await When(id, [](const Instance& i) { return i.containers[0].kind == ContainerState::Kind::kRunning; });
  EXPECT_FALSE(early.containers[0].ready);
  EXPECT_EQ(early.containers[1].kind, ContainerState::Kind::kWaiting);
  (void)WriteFileAtomically(flag, "");
  co_await When(id, [](const Instance& i) {
    return i.containers[0].ready && i.containers[1].kind == ContainerState::Kind::kTerminated;
  });
}

FLOW_TEST(ProcessPodTest, AContainerWhosePostStartHookFailsIsEnded) {
  Json container = Shell("main", "sleep 1000");
  container["lifecycle"]["postStart"] = ExecHandler("echo no good; exit 1");
  CreateRequest request = Request({container});
  std::string id = co_await Create(std::move(request));
  const Instance ended = co_await Ended(id);
  EXPECT_EQ(ended.state, InstanceState::kFailed);
  EXPECT_THAT(ended.events, Contains(Field(&InstanceEvent::message, "PostStartHook failed: no good\n")));
}

FLOW_TEST(ProcessPodTest, APreStopHookComesBeforeTheSignalAndSidecarsEndLast) {
  const std::string order = directory_ + "/order";
  const auto trapping = [&](const std::string& name) {
    return Shell(name, "trap 'echo " + name + " >> " + order + "; exit 0' TERM; echo up; while :; do sleep 0.01; done");
  };
  Json main = trapping("main");
  main["lifecycle"]["preStop"] = ExecHandler("sleep 0.1; echo hook >> " + order);
  CreateRequest request = Request({main});
  for (const char* name : {"side-1", "side-2"}) {
    Json sidecar = trapping(name);
    sidecar["restartPolicy"] = "Always";
    request.pod["spec"]["initContainers"].push_back(sidecar);
  }
  std::string id = co_await Create(std::move(request));
  co_await UntilItSpeaks(id);
  const CloudStatus deleted = co_await provider_->Delete(id, 20s);
  EXPECT_TRUE(deleted);
  co_await When(id, [](const Instance& i) { return i.id.empty(); });
  EXPECT_EQ(ReadNote("order"), "hook\nmain\nside-2\nside-1\n");
}

FLOW_TEST(ProcessPodTest, ItHasEndedOnceItsSidecarsHave) {
  CreateRequest request = Request({Shell("main", "sleep 0.5")});
  const std::string slowly = "trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.01; done";
  for (const auto& [name, script] :
       {std::pair("slow", slowly), std::pair("broken", std::string("sleep 0.2; exit 4"))}) {
    Json sidecar = Shell(name, script);
    sidecar["restartPolicy"] = "Always";
    request.pod["spec"]["initContainers"].push_back(sidecar);
  }
  std::string id = co_await Create(std::move(request));
  const Instance ended = co_await Ended(id);
  EXPECT_EQ(ended.state, InstanceState::kSucceeded);
  EXPECT_THAT(ended.init_containers, Each(Field(&ContainerState::kind, ContainerState::Kind::kTerminated)));
  EXPECT_EQ(ended.init_containers[1].ended.value_or(Termination()).exit_code, 4) << "it would have been started again";
}

FLOW_TEST(ProcessPodTest, HowItEndedIsTheLastThatIsSeenOfIt) {
  CreateRequest request = Request({Shell("main", "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done")});
  const InstanceScope scope{request.identity.cluster_id, request.identity.node_name};
  std::string id = co_await Create(std::move(request));
  co_await UntilItSpeaks(id);
  const CloudStatus deleted = co_await provider_->Delete(id, 20s);
  EXPECT_TRUE(deleted);
  std::string cursor;
  std::optional<Instance> last;
  for (bool is_gone = false; !is_gone;) {
    InstanceScope ours = scope;
    auto changes = co_await provider_->Poll(std::move(ours), cursor);
    EXPECT_TRUE(changes);
    if (!changes) co_return;
    if (!changes->instances.empty()) last = changes->instances.back();
    cursor = changes->cursor;
    is_gone = !changes->gone.empty();
  }
  EXPECT_EQ(last->containers[0].ended.value_or(Termination()).exit_code, 3);
}

FLOW_TEST(ProcessPodTest, AnAgentThatComesBackLeavesADeletionTheRestOfItsGrace) {
  const std::string slowly = "trap 'sleep 0.5; echo bye >> " + directory_ + "/order; exit 0' TERM; ";
  CreateRequest request = Request({Shell("main", slowly + "echo up; while :; do sleep 0.01; done")});
  std::string id = co_await Create(std::move(request));
  co_await UntilItSpeaks(id);
  const CloudStatus deleted = co_await provider_->Delete(id, 20s);
  EXPECT_TRUE(deleted);
  OpenProvider();
  co_await When(id, [](const Instance& i) { return i.id.empty(); });
  EXPECT_EQ(ReadNote("order"), "bye\n");
}

FLOW_TEST(ProcessPodTest, AHookThatHangsUsesUpTheGracePeriodAndNoMore) {
  const std::string order = directory_ + "/order";
  Json main = Shell("main", "trap 'echo term >> " + order + "; exit 0' TERM; echo up; while :; do sleep 0.01; done");
  main["lifecycle"]["preStop"] = ExecHandler("sleep 1000");
  CreateRequest request = Request({main});
  std::string id = co_await Create(std::move(request));
  co_await UntilItSpeaks(id);
  const CloudStatus deleted = co_await provider_->Delete(id, 1s);
  EXPECT_TRUE(deleted);
  co_await When(id, [](const Instance& i) { return i.id.empty(); });
  EXPECT_EQ(ReadNote("order"), "term\n") << "two seconds are left for it, as at kubelet";
}

}  // namespace
}  // namespace spillway::cloud
