//! Why a server's certificate is not trusted, as a sentence with a remedy.

use rustls::{CertificateError as Certificate, Error};

/// The TLS library's error for a server that uses a certificate of an authority, such as `openssl
/// req -x509` creates.
const OF_AN_AUTHORITY: &str = "CaUsedAsEndEntity";

pub(super) fn sentence(error: &Error) -> String {
    let Error::InvalidCertificate(problem) = error else {
        return format!("{error}; --caCert trusts another authority");
    };
    match problem {
        // The latter occurs if an authority with the same name has another key.
        Certificate::UnknownIssuer | Certificate::BadSignature => {
            "no authority that this machine knows has signed its certificate; --caCert trusts \
             another authority"
                .to_owned()
        }
        Certificate::Expired | Certificate::ExpiredContext { .. } => {
            format!("{error}; the server needs a new certificate, or the clock here is wrong")
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            format!("{error}; use a name that the certificate is for")
        }
        Certificate::Other(other) if other.to_string().contains(OF_AN_AUTHORITY) => {
            "its certificate is that of an authority (CA:TRUE), which a server may not use; make \
             one with basicConstraints=CA:FALSE"
                .to_owned()
        }
        _ => format!("{error}; --caCert trusts another authority"),
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt, sync::Arc};

    use rustls::OtherError;

    use super::*;

    #[derive(Debug)]
    struct CaUsedAsEndEntity;

    impl fmt::Display for CaUsedAsEndEntity {
        fn fmt(&self, form: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt::Debug::fmt(self, form)
        }
    }

    impl std::error::Error for CaUsedAsEndEntity {}

    #[test]
    fn each_sentence_says_what_to_do() {
        let authority = Certificate::Other(OtherError(Arc::new(CaUsedAsEndEntity)));
        let cases = [
            (Certificate::UnknownIssuer, "--caCert"),
            (Certificate::Expired, "new certificate"),
            (Certificate::NotValidForName, "use a name"),
            (authority, "CA:FALSE"),
            (Certificate::BadSignature, "--caCert"),
            (Certificate::Revoked, "--caCert"),
        ];
        for (problem, advice) in cases {
            let text = sentence(&Error::InvalidCertificate(problem));
            assert!(text.contains(advice), "{text}");
        }
    }
}
