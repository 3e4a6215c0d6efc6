#include "controller/webhook/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/sim_runtime.h"

namespace spillway::webhook {
namespace {

using ::testing::SizeIs;

const std::vector<std::string> kNames = {"spillway-webhook.ops.svc", "127.0.0.1"};

class CertificatesTest : public ::testing::Test {
 protected:
  // What there is at `now_`, as a replica leaves it. True: something was made anew.
  bool Renew() {
    auto renewed = Renewed(current_, terms_, now_);
    EXPECT_TRUE(renewed) << renewed.error().message;
    if (!renewed || !*renewed) return false;
    current_ = **renewed;
    return true;
  }
  std::size_t authorities() const { return net::SplitCertificates(current_.ca_pem).size(); }
  // A client that was told `ca_pem` takes the server.
  bool Trusts(const std::string& ca_pem) const {
    return net::CheckServing(current_.serving, ca_pem, kNames, now_).has_value();
  }

  WallTime now_ = SimRuntime(1).WallNow();
  CertificateTerms terms_{.names = kNames, .lifetime = 24h, .ca_lifetime = 240h};
  Certificates current_;
};

TEST_F(CertificatesTest, OutOfNothingComesAServerThatIsTrusted) {
  EXPECT_TRUE(Renew());
  EXPECT_TRUE(Trusts(current_.ca_pem));
  EXPECT_EQ(authorities(), 1u);
  EXPECT_FALSE(Renew());
}

TEST_F(CertificatesTest, ACertificateIsRenewedInTheLastThirdOfItsLifeByTheSameCa) {
  Renew();
  const Certificates first = current_;
  now_ += 15h;
  EXPECT_FALSE(Renew());
  now_ += 2h;
  EXPECT_TRUE(Renew());
  EXPECT_EQ(current_.ca_pem, first.ca_pem);
  EXPECT_NE(current_.serving.cert_pem, first.serving.cert_pem);
  EXPECT_TRUE(Trusts(first.ca_pem));
}

// Whoever learns of a bundle within the hand-over always trusts what is shown.
TEST_F(CertificatesTest, AtNoMomentIsAnythingShownThatWasNotTrustedBefore) {
  terms_.lifetime = 1h;
  terms_.ca_lifetime = 6h;
  Renew();
  // To clients, newest first; the last is behind by nearly the hand-over.
  std::deque<std::string> told(3, current_.ca_pem);
  std::size_t most = 1;
  for (const WallTime end = now_ + 24h; now_ < end; now_ += 4min) {  // more often than every 5, as the keeper looks
    ASSERT_TRUE(Trusts(told.back())) << base::FormatRfc3339(now_);
    Renew();
    ASSERT_TRUE(Trusts(told.back())) << base::FormatRfc3339(now_);
    told.push_front(current_.ca_pem);
    told.pop_back();
    most = std::max(most, authorities());
  }
  EXPECT_EQ(most, 2u);  // the others have expired, and are gone
}

TEST_F(CertificatesTest, WhoWasAwayForLongMakesBothAnew) {
  Renew();
  now_ += 24h * 30;
  EXPECT_TRUE(Renew());
  EXPECT_TRUE(Trusts(current_.ca_pem));
  EXPECT_EQ(authorities(), 1u);
}

TEST_F(CertificatesTest, AnotherNameIsInTheCertificateAtOnce) {
  Renew();
  terms_.names.emplace_back("spillway-webhook.dev.svc");
  EXPECT_TRUE(Renew());
  EXPECT_TRUE(net::CheckServing(current_.serving, current_.ca_pem, terms_.names, now_));
}

TEST_F(CertificatesTest, WhatIsGarbageIsReplaced) {
  Renew();
  const Certificates good = current_;
  for (std::string* part :
       {&current_.ca_pem, &current_.ca_key_pem, &current_.serving.cert_pem, &current_.serving.key_pem}) {
    for (const std::string& garbage : {std::string(), std::string("garbage"), std::string(100, '\0')}) {
      current_ = good;
      *part = garbage;
      // A CA's key is looked at when it is needed.
      if (part == &current_.ca_key_pem) current_.serving = {};
      EXPECT_TRUE(Renew());
      EXPECT_TRUE(Trusts(current_.ca_pem));
    }
  }
}

TEST_F(CertificatesTest, ASecretKeepsAllOfIt) {
  Renew();
  const Certificates read = FromSecret({{"data", ToSecretData(current_)}});
  EXPECT_EQ(read.ca_pem, current_.ca_pem);
  EXPECT_EQ(read.ca_key_pem, current_.ca_key_pem);
  EXPECT_EQ(read.serving.cert_pem, current_.serving.cert_pem);
  EXPECT_EQ(read.serving.key_pem, current_.serving.key_pem);
  EXPECT_EQ(FromSecret({{"data", {{"ca.crt", "%%"}, {"tls.key", 7}}}}).ca_pem, "");
}

}  // namespace
}  // namespace spillway::webhook
