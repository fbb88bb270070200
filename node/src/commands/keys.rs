//! `keys`: show, delegate, renew, replace, revoke, announce, endorse, rotate, sign, accept.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chancery_exchange::{Error, Keyring, Node, SignedCharters, parse_purpose, sign_chosen, waiting};
use chancery_ledger::endorsement::Endorsement;
use chancery_ledger::{ForumBundle, Signer, time};

use super::forum::{ask_secret, authority, keyring, now, read_bundle, say_merged, signed_charters, write};
use super::node::with_place;
use super::{Context, confirm};
use crate::cli::{Chosen, Endorse, Keys, Signing};
use crate::{output, settings};

pub(crate) async fn run(context: &Context, command: Keys) -> Result<()> {
    match command {
        Keys::Show => show(context).await,
        Keys::Delegate { operator, signing } => {
            let node = context.node().await?;
            let request = node.request_operator(&operator)?;
            settle(context, &node, request, &signing).await
        }
        Keys::Renew { signing } => {
            let node = context.node().await?;
            let request = node.request_renewal()?;
            settle(context, &node, request, &signing).await
        }
        Keys::Replace { key, signing } => {
            if key.starts_with("operator") {
                return Err(
                    Error::invalid("an operator gets a new key under a new name: `chancery keys delegate`").into()
                );
            }
            let purpose = parse_purpose(&key)?;
            let node = context.node().await?;
            let request = node.request_replacement(purpose)?;
            settle(context, &node, request, &signing).await
        }
        Keys::Revoke { key, reason, from, signing } => {
            let from = match from {
                None => now(),
                Some(text) => time::parse(&text)
                    .ok_or_else(|| Error::invalid(format!("`{text}` is no time such as 2026-11-25T12:00:00Z")))?,
            };
            let node = context.node().await?;
            let request = node.request_revocation(&key, from, &reason)?;
            settle(context, &node, request, &signing).await
        }
        Keys::Announce { no_passphrase, token } => announce(context, no_passphrase, token.as_deref()),
        Keys::Endorse(args) => endorse(context, &args),
        Keys::Rotate { announce, output, unsigned, instead_of } => {
            let node = context.node().await?;
            let mut draft = node.request_rotation(announce)?;
            if !unsigned {
                let next = keyring(context).next_authority(ask_secret)?;
                // The draft and the delegations in it were made just now; a suspension was not.
                let mut signed = signed_charters(context, &instead_of)?;
                signed.learn(&draft, &next.public_key());
                confirm::say_signed(&sign_chosen(&mut draft, next.as_ref(), false, now(), &mut signed, |waiting| {
                    Ok(waiting.iter().filter(|w| w.kind != "suspension").map(|w| w.id.clone()).collect())
                })?);
            }
            write(&output, &serde_json::to_vec_pretty(&draft)?)?;
            output::note("next: the other states sign it with `chancery forum sign`, then `chancery forum adopt`");
            Ok(())
        }
        Keys::Sign { request, authority: file, output, chosen } => {
            sign(context, &request, file.as_deref(), output.filter(|_| !chosen.show), &chosen)
        }
        Keys::Accept { response } => {
            let merged = context.node().await?.accept(&read_bundle(&response)?).await?;
            say_merged(context, &merged)
        }
    }
}

/// Signs what is named or agreed to of what waits in a request; shows what waits if there is no `output`.
fn sign(
    context: &Context,
    request: &Path,
    place: Option<&str>,
    output: Option<PathBuf>,
    chosen: &Chosen,
) -> Result<()> {
    let mut bundle = read_bundle(request)?;
    // Where the key is a file of its own, so is the memory of what it has signed; what was signed with the keys here counts too.
    let mut signed = keyring(context).signed_charters()?;
    if let Some(dir) = place.map(Path::new).filter(|path| path.is_file()).and_then(Path::parent) {
        let here = std::mem::replace(&mut signed, SignedCharters::beside(dir)?);
        signed.join(here);
    }
    chosen.instead_of.iter().for_each(|id| signed.give_up(id));
    let key: Box<dyn Signer> = match place {
        Some(place) => Keyring::authority_at(place, ask_secret)?,
        None => authority(context)?,
    };
    signed.learn(&bundle, &key.public_key());
    let there = waiting(&bundle, &key.public_key(), false, now(), &signed)?;
    let Some(output) = output else { return confirm::show(context, &there) };
    if there.is_empty() {
        return Err(Error::invalid("nothing in it waits for this key's signature").into());
    }
    let ids = confirm::choose(&there, &chosen.record, &mut signed)?;
    confirm::say_signed(&sign_chosen(&mut bundle, key.as_ref(), false, now(), &mut signed, |_| Ok(ids))?);
    write(&output, &serde_json::to_vec_pretty(&bundle)?)
}

/// Signs a request here and accepts it, or writes it for the machine that has the authority key.
async fn settle(context: &Context, node: &Node, mut request: ForumBundle, signing: &Signing) -> Result<()> {
    if let Some(path) = &signing.request {
        write(path, &serde_json::to_vec_pretty(&request)?)?;
        output::note(format!(
            "next, where the authority key is: `chancery keys sign {} --authority authority.pem -o response.json`; then here: `chancery keys accept response.json`",
            path.display()
        ));
        return Ok(());
    }
    // The request was made just now, of this member's own keys: it holds nothing to vote on.
    let mut memory = keyring(context).signed_charters()?;
    let signed = sign_chosen(&mut request, authority(context)?.as_ref(), false, now(), &mut memory, |waiting| {
        Ok(waiting.iter().filter(|w| !w.vote).map(|w| w.id.clone()).collect())
    })?;
    confirm::say_signed(&signed);
    say_merged(context, &node.accept(&request).await?)
}

fn announce(context: &Context, no_passphrase: bool, token: Option<&str>) -> Result<()> {
    let key = with_place(token, no_passphrase, |place| Ok(keyring(context).create_next_authority(place)?))?;
    let hash = key.commitment();
    if context.json {
        return output::json(&serde_json::json!({ "next_key_hash": hash, "fingerprint": key.fingerprint() }));
    }
    let place = if token.is_some() { "on the token" } else { "in keys/next-authority.pem" };
    output::line(format!("the key that will follow the authority key is {place}; its hash is {hash}"));
    output::line(
        "next: move it to another place than the authority key; `chancery forum card` now announces it, and `chancery forum amend --update CARD` puts it into the charter",
    );
    Ok(())
}

/// Writes what the national PKI has to sign, or checks and keeps what it signed.
fn endorse(context: &Context, args: &Endorse) -> Result<()> {
    let member = settings::load(&context.dir)?.member.id;
    let keyring = keyring(context);
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::file("read", path, e));
    let Some(signature) = &args.signature else {
        let path = args.statement.clone().unwrap_or_else(|| "-".into());
        write(&path, keyring.endorsement_statement(&member, args.next)?.as_bytes())?;
        let shown = path.display();
        output::note(format!(
            "next, where the state's signing key is: `openssl cms -sign -binary -nocerts -md sha256 -in {shown} -signer signer.pem -inkey signer.key -outform DER -out endorsement.p7s`"
        ));
        output::note(
            "then here: `chancery keys endorse --signature endorsement.p7s --certificates chain.pem`, where chain.pem holds the signer's certificate first and the national CA's last",
        );
        return Ok(());
    };
    let certificates = args.certificates.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let crls = args.crl.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let endorsement = Endorsement::from_files(&read(signature)?, &certificates.concat(), &crls);
    let endorsement =
        endorsement.map_err(|e| Error::Invalid { what: "the endorsement".into(), cause: Some(Box::new(e)) })?;
    let found = keyring.keep_endorsement(&endorsement, &member, args.next, now())?;
    if context.json {
        return output::json(&serde_json::json!({
            "member": member, "signer": found.signer, "national_ca": found.national_ca, "pin": endorsement.national_ca, "crls": found.crls,
        }));
    }
    output::line(found.sentence(&member));
    output::line(format!("the charter will pin the national CA by its SHA-256, {}", endorsement.national_ca));
    output::line(
        "next: `chancery forum card` now carries it; `chancery forum amend --update CARD` puts it into the charter",
    );
    Ok(())
}

async fn show(context: &Context) -> Result<()> {
    let keys = context.node().await?.key_list()?;
    if context.json {
        return output::json(&keys);
    }
    let mut table = output::table(&["", "purpose", "name", "fingerprint", "state"]);
    for key in &keys {
        let mark = match (key.attention, key.ok) {
            (true, _) => "!!",
            (false, true) => "ok",
            (false, false) => "",
        };
        table.add_row([mark, &key.purpose, &key.name, &key.fingerprint, &key.state]);
    }
    output::line(table.to_string());
    let attention = keys.iter().filter(|k| k.attention).count();
    if attention > 0 {
        output::line(format!("WARNING: {attention} keys marked `!!` have ended, end soon or lack a delegation"));
    }
    output::line(
        "the authority key delegates each purpose to another key for at most 90 days; `chancery keys renew` prolongs all",
    );
    Ok(())
}
