#pragma once

#include <string>

#include "base/runtime.h"
#include "net/certificates.h"
#include "sandbox/rest/api_server.h"

namespace spillway::sandbox {

// Fetches logs from the kubelet endpoint of the Pod's node over HTTPS, showing the API server's own client certificate.
// The kubelet's serving certificate must come from `authority_pem` and name the address. With follow=true bytes are
// passed on as they come; a kubelet that refuses is then heard only in the text.
LogSource NewKubeletLogSource(Runtime& runtime, std::string authority_pem, net::CertificateAndKey client);

}  // namespace spillway::sandbox
