//! Endorsements by national PKIs: test CAs made here, and every way to pass one off that no CA gave.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_ledger::charter::{CharterChain, Role, diff};
use chancery_ledger::endorsement::{Endorsement, EndorsementError, statement};
use chancery_ledger::time;
use cms::cert::x509::crl::{CertificateList, TbsCertList};
use cms::cert::x509::ext::Extension;
use der::asn1::{Any, BitString, ObjectIdentifier, OctetString};
use der::{Decode as _, Encode as _, Tag};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::extension::{AuthorityKeyIdentifier, BasicConstraints, CrlNumber, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509CrlBuilder, X509NameBuilder, X509RevokedBuilder};

use crate::world::*;

fn ec() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

#[derive(Clone)]
struct Holder {
    certificate: X509,
    key: PKey<Private>,
}

impl Holder {
    fn der(&self) -> Vec<u8> {
        self.certificate.to_der().unwrap()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Usage {
    Ca,
    /// A CA's usage without the constraint that makes it one.
    NoCa,
    Sign,
    Encrypt,
    Unsaid,
}

struct Wish<'a> {
    name: &'a str,
    usage: Usage,
    key: PKey<Private>,
    from: i64,
    to: i64,
    digest: MessageDigest,
}

fn wish(name: &str, usage: Usage) -> Wish<'_> {
    let (from, to) = (START - 100 * DAY, START + 300 * DAY);
    Wish { name, usage, key: ec(), from, to, digest: MessageDigest::sha256() }
}

/// A certificate by `issuer`, or by itself.
fn issue(wish: Wish<'_>, issuer: Option<&Holder>) -> Holder {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("C", "MX").unwrap();
    name.append_entry_by_text("CN", wish.name).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(63, openssl::bn::MsbOption::ONE, false).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.map_or(&*name, |i| i.certificate.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(wish.from).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(wish.to).unwrap()).unwrap();
    builder.set_pubkey(&wish.key).unwrap();
    if wish.usage == Usage::Ca {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    let mut usage = KeyUsage::new();
    let usage = match wish.usage {
        Usage::Ca | Usage::NoCa => Some(usage.critical().key_cert_sign().crl_sign()),
        Usage::Sign => Some(usage.critical().digital_signature()),
        Usage::Encrypt => Some(usage.critical().key_encipherment()),
        Usage::Unsaid => None,
    };
    if let Some(usage) = usage {
        builder.append_extension(usage.build().unwrap()).unwrap();
    }
    let context = builder.x509v3_context(issuer.map(|i| &*i.certificate), None);
    let id = SubjectKeyIdentifier::new().build(&context).unwrap();
    builder.append_extension(id).unwrap();
    builder.sign(issuer.map_or(&wish.key, |i| &i.key), wish.digest).unwrap();
    Holder { certificate: builder.build(), key: wish.key }
}

/// A revocation list by `by`.
fn crl(by: &Holder, revoked: &[&Holder], from: i64, to: i64) -> Vec<u8> {
    let mut builder = X509CrlBuilder::new().unwrap();
    builder.set_issuer_name(by.certificate.subject_name()).unwrap();
    builder.set_last_update(&Asn1Time::from_unix(from).unwrap()).unwrap();
    builder.set_next_update(&Asn1Time::from_unix(to).unwrap()).unwrap();
    for holder in revoked {
        let mut entry = X509RevokedBuilder::new().unwrap();
        entry.set_serial_number(holder.certificate.serial_number()).unwrap();
        entry.set_revocation_date(&Asn1Time::from_unix(from).unwrap()).unwrap();
        builder.add_revoked(entry.build()).unwrap();
    }
    let blank = X509::builder().unwrap();
    let context = blank.x509v3_context(Some(&by.certificate), None);
    builder.append_extension(AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap()).unwrap();
    builder.append_extension(CrlNumber::new(BigNum::from_u32(1).unwrap()).unwrap().build().unwrap()).unwrap();
    builder.sign(&by.key, MessageDigest::sha256()).unwrap();
    builder.build().unwrap().to_der().unwrap()
}

/// A list like `list` with `body` in it, signed by `by`.
fn signed_list(by: &Holder, list: &CertificateList, body: Vec<u8>) -> Vec<u8> {
    let mut signer = Signer::new(MessageDigest::sha256(), &by.key).unwrap();
    let signature = BitString::from_bytes(&signer.sign_oneshot_to_vec(&body).unwrap()).unwrap();
    let parts = [body, list.signature_algorithm.to_der().unwrap(), signature.to_der().unwrap()];
    Any::new(Tag::Sequence, parts.concat()).unwrap().to_der().unwrap()
}

/// A list with something altered, signed anew by the same CA.
fn altered(by: &Holder, der: &[u8], alter: impl FnOnce(&mut TbsCertList)) -> Vec<u8> {
    let mut list = CertificateList::from_der(der).unwrap();
    alter(&mut list.tbs_cert_list);
    signed_list(by, &list, list.tbs_cert_list.to_der().unwrap())
}

/// A list in the form of version 1: without a version and without extensions, as the `openssl` command makes it unless told otherwise.
fn first_version(by: &Holder, der: &[u8]) -> Vec<u8> {
    let list = CertificateList::from_der(der).unwrap();
    let TbsCertList { signature, issuer, this_update, next_update, revoked_certificates, .. } = &list.tbs_cert_list;
    let parts = [
        signature.to_der().unwrap(),
        issuer.to_der().unwrap(),
        this_update.to_der().unwrap(),
        next_update.to_der().unwrap(),
        revoked_certificates.to_der().unwrap(),
    ];
    signed_list(by, &list, Any::new(Tag::Sequence, parts.concat()).unwrap().to_der().unwrap())
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Extension {
    let extn_value = OctetString::new(value.to_vec()).unwrap();
    Extension { extn_id: ObjectIdentifier::new(id).unwrap(), critical, extn_value }
}

fn cms(signer: &Holder, text: &str) -> Vec<u8> {
    let options = CMSOptions::DETACHED | CMSOptions::BINARY | CMSOptions::CMS_NOCERTS;
    let signed =
        CmsContentInfo::sign(Some(&signer.certificate), Some(&signer.key), None, Some(text.as_bytes()), options);
    signed.unwrap().to_der().unwrap()
}

/// A national PKI: root, issuing CA, the seal of the authority.
struct Pki {
    root: Holder,
    issuing: Holder,
    seal: Holder,
}

fn pki() -> Pki {
    let root = issue(wish("Root of Mexico", Usage::Ca), None);
    let issuing = issue(wish("Issuing CA of Mexico", Usage::Ca), Some(&root));
    let seal = issue(wish("Seal of the agency", Usage::Sign), Some(&issuing));
    Pki { root, issuing, seal }
}

fn endorse(signer: &Holder, text: &str, certificates: &[&Holder], crls: &[Vec<u8>]) -> Endorsement {
    let certificates: Vec<_> = certificates.iter().map(|h| h.der()).collect();
    Endorsement::new(&cms(signer, text), &certificates, crls).unwrap()
}

fn mexico() -> String {
    statement("MEX", &key(1).public())
}

#[test]
fn an_endorsement_is_refused_for_each_fault() {
    let Pki { root, issuing, seal } = pki();
    let other = pki();
    let under = |usage, change: fn(&mut Wish<'_>)| {
        let mut wanted = wish("Another seal", usage);
        change(&mut wanted);
        issue(wanted, Some(&issuing))
    };
    let chain = |leaf: &Holder| endorse(leaf, &mexico(), &[leaf, &issuing, &root], &[]);
    let with_crl = |crls: &[Vec<u8>]| endorse(&seal, &mexico(), &[&seal, &issuing, &root], crls);
    let fresh = |by: &Holder, revoked: &[&Holder]| crl(by, revoked, START - DAY, START + DAY);
    let usual = || chain(&seal);
    let changed = |change: fn(&mut Endorsement)| {
        let mut endorsement = usual();
        change(&mut endorsement);
        endorsement
    };
    let no_ca = issue(wish("No CA", Usage::NoCa), Some(&issuing));
    let below = issue(wish("Seal below", Usage::Sign), Some(&no_ca));
    let lone = issue(wish("Lone", Usage::Sign), None);
    let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    let weak = {
        let mut w = wish("Weak", Usage::Sign);
        w.key = rsa(1024);
        issue(w, Some(&issuing))
    };
    let strong = {
        let mut w = wish("Strong", Usage::Sign);
        w.key = rsa(2048);
        issue(w, Some(&issuing))
    };
    let mut trailing = usual();
    trailing.certificates[0] = STANDARD.encode([seal.der(), vec![0]].concat());
    let mut enveloped = usual();
    enveloped.signature = STANDARD.encode(seal.der());
    let cases: Vec<(&str, Endorsement, Option<&str>)> = vec![
        ("sound", usual(), None),
        ("RSA", chain(&strong), None),
        ("pinned at the issuing CA", endorse(&seal, &mexico(), &[&seal, &issuing], &[]), None),
        ("with revocation lists", with_crl(&[fresh(&issuing, &[]), fresh(&root, &[])]), None),
        (
            "another member",
            endorse(&seal, &statement("GTM", &key(1).public()), &[&seal, &issuing, &root], &[]),
            Some("does not hold"),
        ),
        (
            "another key",
            endorse(&seal, &statement("MEX", &key(2).public()), &[&seal, &issuing, &root], &[]),
            Some("does not hold"),
        ),
        (
            "signed by another's key",
            endorse(&other.seal, &mexico(), &[&seal, &issuing, &root], &[]),
            Some("does not hold"),
        ),
        (
            "another PKI, pinned where it is not",
            {
                let mut e = endorse(&other.seal, &mexico(), &[&other.seal, &other.issuing, &other.root], &[]);
                e.national_ca = usual().national_ca;
                e
            },
            Some("the national CA pinned is"),
        ),
        (
            "another's CA as the last",
            endorse(&seal, &mexico(), &[&seal, &issuing, &other.root], &[]),
            Some("does not lead"),
        ),
        ("the issuing CA left out", endorse(&seal, &mexico(), &[&seal, &root], &[]), Some("does not lead")),
        ("a certificate that is its own CA", endorse(&lone, &mexico(), &[&lone, &lone], &[]), Some("own certificate")),
        ("one certificate", endorse(&seal, &mexico(), &[&seal], &[]), Some("1 certificates")),
        (
            "issued by what is no CA",
            endorse(&below, &mexico(), &[&below, &no_ca, &issuing, &root], &[]),
            Some("does not lead"),
        ),
        (
            "issued by a seal",
            {
                let b = issue(wish("By a seal", Usage::Sign), Some(&seal));
                endorse(&b, &mexico(), &[&b, &seal, &issuing, &root], &[])
            },
            Some("does not lead"),
        ),
        ("for encryption", chain(&under(Usage::Encrypt, |_| ())), Some("key usage")),
        ("for nothing in particular", chain(&under(Usage::Unsaid, |_| ())), Some("key usage")),
        ("expired", chain(&under(Usage::Sign, |w| w.to = START - 1)), Some("expired")),
        ("not yet valid", chain(&under(Usage::Sign, |w| w.from = START + 1)), Some("not yet valid")),
        ("signed with SHA-1", chain(&under(Usage::Sign, |w| w.digest = MessageDigest::sha1())), Some("does not lead")),
        ("RSA of 1024 bits", chain(&weak), Some("does not lead")),
        ("revoked", with_crl(&[fresh(&issuing, &[&seal])]), Some("was revoked")),
        ("its CA revoked", with_crl(&[fresh(&issuing, &[]), fresh(&root, &[&issuing])]), Some("was revoked")),
        ("a list of the root alone", with_crl(&[fresh(&root, &[])]), Some("none is by the CA")),
        (
            "a list that has run out",
            with_crl(&[crl(&issuing, &[], START - 9 * DAY, START - DAY)]),
            Some("not in force"),
        ),
        ("a list of tomorrow", with_crl(&[crl(&issuing, &[], START + DAY, START + 9 * DAY)]), Some("not in force")),
        ("another's list", with_crl(&[fresh(&other.issuing, &[])]), Some("no CA of the chain")),
        (
            "a list signed by the seal",
            with_crl(&[fresh(&Holder { certificate: issuing.certificate.clone(), key: seal.key.clone() }, &[])]),
            Some("no CA of the chain"),
        ),
        ("a list of version 1", with_crl(&[first_version(&issuing, &fresh(&issuing, &[&strong]))]), None),
        (
            "revoked by a list of version 1",
            with_crl(&[first_version(&issuing, &fresh(&issuing, &[&seal]))]),
            Some("was revoked"),
        ),
        ("five lists", with_crl(&vec![fresh(&issuing, &[]); 5]), Some("5 revocation lists")),
        ("bytes after a certificate", trailing, Some("bytes after its end")),
        ("no CMS", enveloped, Some("no CMS signature")),
        ("no base64", changed(|e| e.signature = "?".into()), Some("not base64")),
        ("too long", changed(|e| e.signature = "A".repeat(40_000)), Some("longer than")),
        ("a pin that is no hash", changed(|e| e.national_ca = "pin".into()), Some("expected 2 to")),
        (
            "seven certificates",
            changed(|e| e.certificates = vec![e.certificates[0].clone(); 7]),
            Some("7 certificates"),
        ),
    ];
    for (name, endorsement, expected) in cases {
        let found = endorsement.verify("MEX", &key(1).public(), START, &[]);
        match expected {
            None => assert!(found.is_ok(), "{name}: {}", found.unwrap_err()),
            Some(part) => refused(name, found, part),
        }
    }
    let found = usual().verify("MEX", &key(1).public(), START, &[]).unwrap();
    assert_eq!(found.signer, "C=MX, CN=Seal of the agency");
    assert_eq!(found.national_ca, "C=MX, CN=Root of Mexico");
    // A list that came later tells of what nobody knew when the charter was signed.
    let later = |revoked: &[&Holder]| vec![crl(&issuing, revoked, START + 50 * DAY, START + 60 * DAY)];
    assert_eq!(usual().verify("MEX", &key(1).public(), START, &later(&[])).unwrap().crls, 1);
    let revoked = usual().verify("MEX", &key(1).public(), START, &later(&[&seal]));
    assert!(matches!(revoked, Err(EndorsementError::Revoked { .. })));
}

#[test]
fn a_revocation_list_that_is_not_complete_clears_nobody() {
    let Pki { root, issuing, seal } = pki();
    let another = issue(wish("Another seal", Usage::Sign), Some(&issuing));
    let list = crl(&issuing, &[&another], START - DAY, START + DAY);
    let of_list = |id: &str, critical: bool, value: &[u8]| {
        altered(&issuing, &list, |body| {
            body.crl_extensions.get_or_insert_default().push(extension(id, critical, value));
        })
    };
    let of_entry = |id: &str, critical: bool, value: &[u8]| {
        altered(&issuing, &list, |body| {
            for entry in body.revoked_certificates.iter_mut().flatten() {
                entry.crl_entry_extensions = Some(vec![extension(id, critical, value)]);
            }
        })
    };
    let (delta, part, unknown) = ("2.5.29.27", "2.5.29.28", "1.3.6.1.4.1.99999.1");
    let (one, null) = ([2, 1, 1], [5, 0]);
    let cases = [
        ("complete", altered(&issuing, &list, |_| ()), None),
        ("with an extension more", of_list(unknown, false, &null), None),
        ("with an entry's reason", of_entry("2.5.29.21", false, &[10, 1, 1]), None),
        ("a delta", of_list(delta, true, &one), Some("it is a delta")),
        ("a delta, by the way", of_list(delta, false, &one), Some("it is a delta")),
        ("of CAs alone", of_list(part, true, &[0x30, 3, 0x82, 1, 0xff]), Some("a part of its CA's certificates")),
        ("of all, says a distribution point", of_list(part, false, &[0x30, 0]), Some("issuingDistributionPoint")),
        ("with more to understand", of_list(unknown, true, &null), Some("critical extension 1.3.6.1.4.1.99999.1")),
        ("with more to understand of an entry", of_entry(unknown, true, &null), Some("critical extension")),
    ];
    let usual = endorse(&seal, &mexico(), &[&seal, &issuing, &root], &[]);
    for (name, crl, expected) in cases {
        let within = endorse(&seal, &mexico(), &[&seal, &issuing, &root], std::slice::from_ref(&crl));
        let found = [
            within.verify("MEX", &key(1).public(), START, &[]),
            // One that came later must be complete as well.
            usual.verify("MEX", &key(1).public(), START, std::slice::from_ref(&crl)),
        ];
        for found in found {
            match expected {
                None => assert!(found.is_ok(), "{name}: {}", found.unwrap_err()),
                Some(words) => refused(name, found, words),
            }
        }
    }
}

#[test]
fn any_changed_byte_of_an_endorsement_is_refused_or_changes_nothing_signed() {
    let Pki { root, issuing, seal } = pki();
    let sound = endorse(&seal, &mexico(), &[&seal, &issuing, &root], &[crl(&issuing, &[], START - DAY, START + DAY)]);
    let mut accepted = Vec::new();
    let fields: [fn(&mut Endorsement) -> &mut String; 5] = [
        |e| &mut e.signature,
        |e| &mut e.certificates[0],
        |e| &mut e.certificates[1],
        |e| &mut e.certificates[2],
        |e| &mut e.crls[0],
    ];
    for (number, field) in fields.into_iter().enumerate() {
        let length = STANDARD.decode(field(&mut sound.clone()).as_bytes()).unwrap().len();
        for position in (0..length).step_by(7) {
            let mut wrong = sound.clone();
            let text = field(&mut wrong);
            let mut bytes = STANDARD.decode(text.as_bytes()).unwrap();
            bytes[position] ^= 1;
            *text = STANDARD.encode(bytes);
            if wrong.verify("MEX", &key(1).public(), START, &[]).is_ok() {
                accepted.push((number, position));
            }
        }
    }
    // What a CMS signature says besides what it signs, such as its own version, is not all signed.
    accepted.retain(|(number, _)| *number != 0);
    assert!(accepted.is_empty(), "{accepted:?}");
}

#[test]
fn a_charter_is_refused_with_an_endorsement_that_does_not_hold() {
    let Pki { root, issuing, seal } = pki();
    let of = |text: &str| endorse(&seal, text, &[&seal, &issuing, &root], &[]);
    let founded = |endorsement: Option<Endorsement>| {
        let mut charter = genesis();
        charter.members[0].endorsement = endorsement;
        seal_genesis(charter)
    };
    // Signed once: ECDSA signs anew each time, and another text would be another endorsement.
    let own = of(&mexico());
    let sound = founded(Some(own.clone()));
    let chain = CharterChain::verify(None, std::slice::from_ref(&sound)).unwrap();
    let found = chain.endorsed("MEX", &[]).unwrap().unwrap();
    assert_eq!(
        found.sentence("MEX"),
        "authority key of `MEX`: endorsed by `C=MX, CN=Seal of the agency` under the national CA `C=MX, CN=Root of Mexico` pinned in the charter; no revocation list was given"
    );
    assert!(chain.endorsed("GTM", &[]).is_none() && chain.endorsed("USA", &[]).is_none());
    let wrong = founded(Some(of(&statement("GTM", &key(1).public()))));
    refused("founded", CharterChain::verify(None, &[wrong]), "endorsement of the authority key of `MEX` is refused");
    // Later versions: unchanged ones are not asked again, though the certificate has expired since.
    let id = sound.id().unwrap();
    let next = |change: &dyn Fn(&mut chancery_ledger::charter::Charter), at: i64| {
        let mut charter = genesis();
        charter.members[0].endorsement = Some(own.clone());
        charter.version = 2;
        charter.previous = Some(id.clone());
        charter.expires = time::format(START + 900 * DAY);
        change(&mut charter);
        world_seal(&payload(charter, &id, at), &[1, 2, 3, 4, 5, 12])
    };
    let follows = |envelope| CharterChain::verify(None, &[sound.clone(), envelope]);
    let late = START + 350 * DAY;
    follows(next(&|_| (), late)).unwrap();
    follows(next(&|c| c.members[0].endorsement = None, late)).unwrap();
    let gtm = of(&statement("GTM", &key(2).public()));
    follows(next(&|c| c.members[1].endorsement = Some(gtm.clone()), START + DAY)).unwrap();
    refused("brought too late", follows(next(&|c| c.members[1].endorsement = Some(gtm.clone()), late)), "expired");
    refused(
        "of the key before",
        follows(next(&|c| c.members[0].authority_key = key(12).public(), START + DAY)),
        "endorsement",
    );
    let new = of(&statement("MEX", &key(12).public()));
    let rotated = next(
        &|c| {
            c.members[0].authority_key = key(12).public();
            c.members[0].endorsement = Some(new.clone());
        },
        START + DAY,
    );
    let chain = follows(rotated).unwrap();
    let words: Vec<String> = diff(chain.before(), chain.current()).into_iter().map(|c| c.text).collect();
    assert!(words.iter().any(|w| w.contains("is endorsed under the national CA")), "{words:?}");
    assert_eq!(genesis().members[5].role, Role::Observer);
}

fn seal_genesis(charter: chancery_ledger::charter::Charter) -> chancery_ledger::Envelope {
    world_seal(&payload(charter, "", START), &[1, 2, 3, 4, 5])
}

use crate::world::seal as world_seal;
