"""Checks a proof bundle without any code of Chancery's: DSSE, keys, delegations, tree, note and cosignatures are done here, from their specifications.

    verify.py BUNDLE GENESIS [ARTEFACT]

Needs `cryptography` only. Exits 0 if everything holds, 1 with the reason otherwise.
"""

import base64
import hashlib
import json
import sys
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TYPE = "application/vnd.chancery.%s.v1+json"


class Refused(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Refused(what)


def decode(text):
    return base64.b64decode(text, validate=True)


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def holds(key, message, signature):
    need(key.startswith("ed25519:"), f"{key} is no Ed25519 key")
    try:
        Ed25519PublicKey.from_public_bytes(decode(key[8:])).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def signers(envelope):
    """The keys whose signature over the envelope holds."""
    message = pae(envelope["payloadType"], decode(envelope["payload"]))
    return {s["keyid"] for s in envelope["signatures"] if holds(s["keyid"], message, decode(s["sig"]))}


def payload(envelope, kind):
    need(envelope["payloadType"] == TYPE % kind, f"the payload type is {envelope['payloadType']}")
    value = json.loads(decode(envelope["payload"]))
    need(value["kind"] == kind, f"the kind is {value['kind']}")
    return value


def identity(envelope):
    return hashlib.sha256(decode(envelope["payload"])).hexdigest()


def at(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def founders(bundle, genesis):
    need(identity(bundle["charters"][0]) == genesis, "the first charter is not the genesis")
    need(len(bundle["charters"]) == 1, "later charters are beyond this program: it checks a founding charter")
    for kind in ("revocations", "suspensions"):
        need(not bundle.get(kind), f"{kind} are beyond this program")
    charter = payload(bundle["charters"][0], "charter")
    members = {m["id"]: m for m in charter["body"]["members"]}
    signed = signers(bundle["charters"][0])
    for member in members.values():
        need(member["role"] != "member-state" or member["authority_key"] in signed, f"{member['id']} did not sign the charter")
    return charter["body"], members


def delegated(bundle, genesis, members):
    """Delegations that their authority and the keys they name have signed."""
    found = []
    for envelope in bundle["delegations"]:
        value = payload(envelope, "delegation")
        need(value["forum"] == genesis, "a delegation is of another forum")
        signed = signers(envelope)
        need(members[value["issuer"]]["authority_key"] in signed, f"a delegation was not signed by {value['issuer']}")
        need(value["body"]["key"] in signed, f"a delegation of {value['issuer']} was not signed by the key it names")
        found.append((value["issuer"], value["body"]))
    return found


def in_force(delegations, member, purpose, key, when):
    return any(
        m == member and d["purpose"] == purpose and d["key"] == key and at(d["not_before"]) <= when < at(d["not_after"])
        for m, d in delegations
    )


def release(bundle, genesis, delegations, rules):
    record = bundle["record"]
    value = payload(record, "release")
    need(value["forum"] == genesis, "the release is of another forum")
    when, issuer, intent = at(value["issued_at"]), value["issuer"], value["body"]["intent"]
    need(intent["forum"] == genesis and intent["issuer"] == issuer, "the intent is of another forum or issuer")
    need(any(in_force(delegations, issuer, "publisher", k, when) for k in signers(record)), "no publisher key in force signed")
    # The intent is canonical JSON (RFC 8785); it holds integers and texts only.
    canonical = json.dumps(intent, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    message = pae(TYPE % "intent", canonical)
    keys = {"prepare": set(), "approve": set()}
    for operator in value["body"]["operators"]:
        need(in_force(delegations, issuer, "operator", operator["key"], when), "an operator's key is not in force")
        need(holds(operator["key"], message, decode(operator["sig"])), "an operator's signature does not hold")
        keys[operator["role"]].add(operator["key"])
    need(keys["prepare"], "nobody prepared it")
    need(not rules["four_eyes"] or keys["approve"] - keys["prepare"], "nobody else approved it")
    return issuer, intent


def root(leaf, index, size, proof):
    """RFC 6962, 2.1.1: the root that an inclusion proof leads to."""
    need(index < size, "the leaf is beyond the tree")
    node, fn, sn = hashlib.sha256(b"\0" + leaf).digest(), index, size - 1
    for sibling in proof:
        need(sn > 0, "the inclusion proof is too long")
        if fn & 1 or fn == sn:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "the inclusion proof is too short")
    return node


def key_id(name, algorithm, key):
    """C2SP signed-note: a key's id is the hash of its name, algorithm and bytes."""
    return hashlib.sha256(name.encode() + b"\n" + algorithm + decode(key[8:])).digest()[:4]


def cosigners(text, name, blob, genesis, states, delegations):
    """The member states whose cosignature (C2SP tlog-cosignature, version 1) this line is: none or one."""
    found = set()
    for member in states:
        for m, d in delegations:
            if m != member or d["purpose"] != "witness" or name != f"chancery/{genesis}/{member}/witness":
                continue
            if blob[:4] == key_id(name, b"\x04", d["key"]):
                seconds = int.from_bytes(blob[4:12], "big")
                message = b"cosignature/v1\ntime %d\n" % seconds + text
                need(len(blob) == 76 and holds(d["key"], message, blob[12:]), f"the cosignature of {member} does not hold")
                when = datetime.fromtimestamp(seconds, timezone.utc)
                need(in_force(delegations, member, "witness", d["key"], when), f"the witness key of {member} was not in force")
                found.add(member)
    return found


def log(bundle, genesis, issuer, intent, delegations, charter):
    audience = intent["audience"]
    committed, label = identity(bundle["record"]), audience if isinstance(audience, str) else "members"
    if label != "public":
        committed = hashlib.sha256(bytes.fromhex(bundle["salt"]) + committed.encode()).hexdigest()
    leaf = f"chancery/leaf/v1\nrelease\n{label}\n{committed}\n".encode()
    need(decode(bundle["leaf"]) == leaf, "the leaf is not that of the record")
    text, signatures = bundle["checkpoint"].split("\n\n")
    text = text + "\n"
    origin, size, head = text.splitlines()[:3]
    need(origin == f"chancery/{genesis}/{issuer}", "the checkpoint is of another log")
    keys = [d["key"] for m, d in delegations if m == issuer and d["purpose"] == "log"]
    states = [m["id"] for m in charter["members"] if m["role"] == "member-state" and m["id"] != issuer]
    signed, cosigned = False, set()
    for line in signatures.splitlines():
        dash, name, blob = line.split(" ")
        need(dash == "—", "a signature line is malformed")
        for key in keys if name == origin else []:
            if decode(blob)[:4] == key_id(name, b"\x01", key):
                need(holds(key, text.encode(), decode(blob)[4:]), "the checkpoint's signature does not hold")
                signed = True
        cosigned |= cosigners(text.encode(), name, decode(blob), genesis, states, delegations)
    need(signed, "no delegated log key signed the checkpoint")
    quorum = min(charter["rules"].get("witness_quorum", 0), len(states))
    need(len(cosigned) >= quorum, f"{len(cosigned)} of {quorum} other states have cosigned the checkpoint")
    need(int(size) == bundle["tree_size"], "the tree's size is not the checkpoint's")
    found = root(leaf, bundle["index"], int(size), [decode(h) for h in bundle["inclusion"]])
    need(found == decode(head), "the inclusion proof leads to another root")
    return cosigned


def main(bundle, genesis, artefact=None):
    with open(bundle, encoding="utf-8") as file:
        bundle = json.load(file)
    need(bundle["format"] == "chancery-proof/1", "not a proof bundle")
    charter, members = founders(bundle, genesis)
    delegations = delegated(bundle, genesis, members)
    issuer, intent = release(bundle, genesis, delegations, charter["rules"])
    cosigned = log(bundle, genesis, issuer, intent, delegations, charter)
    if artefact:
        with open(artefact, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        need(found in [a["sha256"] for a in intent["artefacts"]], "the artefact's hash was not signed")
    print(f"ok: release {identity(bundle['record'])} of {issuer}, leaf {bundle['index']} of {bundle['tree_size']}, cosigned by {', '.join(sorted(cosigned)) or 'nobody'}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Refused, ValueError, KeyError, TypeError, AttributeError) as refused:
        sys.exit(f"refused: {refused}")
