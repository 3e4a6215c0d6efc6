#include "net/certificates.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <set>

#include "base/sim_runtime.h"
#include "net/pem.h"
#include "net/url.h"

namespace spillway::net {
namespace {

using internal::FirstCertificate;
using ::testing::HasSubstr;

std::string Shown(const X509* certificate) {
  const internal::Bio bio(BIO_new(BIO_s_mem()));
  X509_print(bio.get(), const_cast<X509*>(certificate));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

class Certificates : public ::testing::Test {
 protected:
  Result<CertificateAndKey> Issue(CertificateRequest request) {
    request.not_before = now_;
    return IssueCertificate(ca_, request);
  }
  WallTime now_ = SimRuntime(1).WallNow();
  CertificateAndKey ca_ = *NewCertificateAuthority("spillway-demo-ca", now_);
};

TEST_F(Certificates, ALeafSaysWhatItIsForAndForWhom) {
  CertificateRequest request;
  request.common_name = "system:node:vnode-1";
  request.organizations = {"system:nodes", "ops"};
  request.dns_names = {"vnode-1.kube-system.svc"};
  request.ip_addresses = {"10.0.0.7", "fd00::7"};
  request.server = true;
  request.lifetime = 24h;
  const auto leaf = Issue(request);
  ASSERT_TRUE(leaf) << leaf.error().message;
  const auto certificate = FirstCertificate(leaf->cert_pem);
  const std::string text = Shown(certificate.get());
  EXPECT_THAT(text, HasSubstr("Issuer: CN=spillway-demo-ca"));
  EXPECT_THAT(text, HasSubstr("Subject: O=system:nodes, O=ops, CN=system:node:vnode-1"));
  EXPECT_THAT(text, HasSubstr("DNS:vnode-1.kube-system.svc, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:7"));
  EXPECT_THAT(text, HasSubstr("CA:FALSE"));
  EXPECT_THAT(text, HasSubstr("TLS Web Server Authentication"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("TLS Web Client Authentication")));
  EXPECT_THAT(text, HasSubstr("Not Before: Dec 31 23:55:00 2025 GMT"));  // clocks differ a little
  EXPECT_THAT(text, HasSubstr("Not After : Jan  2 00:00:00 2026 GMT"));
  EXPECT_THAT(text, HasSubstr("prime256v1"));
  EXPECT_EQ(X509_check_private_key(certificate.get(), internal::FirstPrivateKey(leaf->key_pem).get()), 1);
}

TEST_F(Certificates, ACaMaySignAndALeafMayNot) {
  const auto ca = FirstCertificate(ca_.cert_pem);
  EXPECT_EQ(X509_check_ca(ca.get()), 1);
  EXPECT_THAT(Shown(ca.get()), HasSubstr("Certificate Sign"));
  CertificateRequest request;
  request.common_name = "alice";
  request.client = true;
  const auto leaf = *Issue(request);
  EXPECT_EQ(X509_check_ca(FirstCertificate(leaf.cert_pem).get()), 0);
  EXPECT_EQ(X509_verify(FirstCertificate(leaf.cert_pem).get(), X509_get0_pubkey(ca.get())), 1);
}

TEST_F(Certificates, SerialsAndKeysDiffer) {
  std::set<std::string> seen;
  CertificateRequest request;
  request.common_name = "alice";
  request.client = true;
  for (int i = 0; i < 20; ++i) {
    const auto leaf = *Issue(request);
    const auto certificate = FirstCertificate(leaf.cert_pem);
    const std::unique_ptr<BIGNUM, internal::Freed<BN_free>> number(
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
    EXPECT_GE(BN_num_bits(number.get()), 126);
    seen.insert(leaf.key_pem);
    seen.insert(Shown(certificate.get()));
  }
  EXPECT_EQ(seen.size(), 40u);
}

TEST_F(Certificates, NamesCannotSmuggleOthers) {
  CertificateRequest request;
  request.common_name = "server";
  request.server = true;
  request.dns_names = {"a.test, IP:1.2.3.4"};
  const auto leaf = *Issue(request);
  const auto certificate = FirstCertificate(leaf.cert_pem);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "1.2.3.4", 0), 0);
}

TEST_F(Certificates, RefusesWhatCannotBeACertificate) {
  CertificateRequest request;
  request.common_name = std::string(100, 'x');  // X.520: 64
  EXPECT_EQ(Issue(request).error().code, Code::kInvalidArgument);
  request.common_name = "server";
  request.ip_addresses = {"10.0.0.999"};
  EXPECT_EQ(Issue(request).error().message, "\"10.0.0.999\" is not an IP address");
  request.ip_addresses = {};
  const auto other = *NewCertificateAuthority("other", now_);
  EXPECT_EQ(IssueCertificate({ca_.cert_pem, other.key_pem}, request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(IssueCertificate({"", ""}, request).error().code, Code::kInvalidArgument);
}

TEST(BaseUrl, Parses) {
  const auto parsed = [](std::string_view url) { return ParseBaseUrl(url)->ToString(); };
  EXPECT_EQ(parsed("https://Example.COM"), "https://example.com:443");
  EXPECT_EQ(parsed("https://10.0.0.1:6443/"), "https://10.0.0.1:6443");
  EXPECT_EQ(parsed("https://[fd00::1]:6443/k8s/clusters/c-1/"), "https://[fd00::1]:6443/k8s/clusters/c-1");
  EXPECT_EQ(parsed("http://localhost"), "http://localhost:80");
  EXPECT_TRUE(ParseBaseUrl("http://127.0.0.9:1")->host_is_loopback());
  EXPECT_TRUE(ParseBaseUrl("http://[::1]:1")->host_is_loopback());
  EXPECT_FALSE(ParseBaseUrl("http://127.example.com:1")->host_is_loopback());
  EXPECT_TRUE(ParseBaseUrl("http://100.100.100.200")->host_is_metadata_service());
  EXPECT_TRUE(ParseBaseUrl("http://169.254.0.23")->host_is_metadata_service());
  EXPECT_FALSE(ParseBaseUrl("http://169.254.example.com")->host_is_metadata_service());
}

TEST(BaseUrl, RefusesWhatIsNoServer) {
  for (const char* url : {"", "example.com", "ftp://x", "https://", "https://:443", "https://a b", "https://a:0",
                          "https://a:65536", "https://a:x", "https://a:", "https://[::1", "https://[nonsense]",
                          "https://[::1]x", "https://user@host", "https://a/?q=1", "https://::1:6443"}) {
    EXPECT_FALSE(ParseBaseUrl(url)) << url;
  }
}

TEST_F(Certificates, AServerIsTakenForTheNamesInItsCertificateWhileItLasts) {
  CertificateRequest request;
  request.common_name = "webhook";
  request.dns_names = {"webhook.ops.svc"};
  request.ip_addresses = {"127.0.0.1"};
  request.server = true;
  request.lifetime = 24h;
  const CertificateAndKey shown = *Issue(request);
  const CertificateAndKey other = *NewCertificateAuthority("other", now_, 1h);
  const std::string both = other.cert_pem + ca_.cert_pem;
  const auto check = [&](const CertificateAndKey& what, const std::string& ca, std::vector<std::string> names,
                         Duration later = 1h) {
    const Status status = CheckServing(what, ca, names, now_ + later);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(check(shown, both, {"webhook.ops.svc", "127.0.0.1"}), "");
  EXPECT_EQ(check(shown, both, {"webhook.dev.svc"}), "the certificate is not for webhook.dev.svc");
  EXPECT_EQ(check(shown, both, {"127.0.0.2"}), "the certificate is not for 127.0.0.2");
  EXPECT_EQ(check(shown, both, {}, 25h), "certificate has expired");
  EXPECT_EQ(check(shown, other.cert_pem, {}), "unable to get local issuer certificate");
  EXPECT_EQ(check({shown.cert_pem, other.key_pem}, both, {}), "certificate and key do not belong together");
  EXPECT_EQ(check({"", shown.key_pem}, both, {}), "certificate or key cannot be read");
}

TEST_F(Certificates, ABundleIsSplitIntoItsCertificates) {
  const CertificateAndKey other = *NewCertificateAuthority("other", now_, 1h);
  EXPECT_EQ(ReadValidity(other.cert_pem)->not_after, now_ + 1h);
  EXPECT_EQ(SplitCertificates("words\n" + other.cert_pem + "between\n" + ca_.cert_pem + "rest"),
            (std::vector<std::string>{other.cert_pem, ca_.cert_pem}));
  EXPECT_TRUE(SplitCertificates("none").empty());
}

}  // namespace
}  // namespace spillway::net
