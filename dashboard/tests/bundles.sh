#!/usr/bin/env bash
# Makes the recorded proof bundles in tests/bundles with real nodes: `bash dashboard/tests/bundles.sh PATH/TO/chancery`.
# No state, person or figure in them exists.
set -euo pipefail
program=$(realpath "${1:-target/debug/chancery}")
out=$(realpath "$(dirname "$0")")/bundles
work=$(mktemp -d)
trap '[ -z "${pid:-}" ] || kill "$pid"; rm -rf "$work"' EXIT
cd "$work"
port=18790
id() { "$program" --json forum show "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["id"])'; }
node() { local member=$1; shift; "$program" -d "$member" "$@" >/dev/null; }
for member in XAA XBB XCC; do
  port=$((port + 1))
  node $member init --member $member --name "Agency of $member" --no-passphrase --http 127.0.0.1:$port --listen /ip4/127.0.0.1/tcp/$((port + 100)) \
    --operator preparer --operator approver
  node $member forum card -o $member.json
done
"$program" -d XAA forum draft --name "Forum of made-up states (test)" -o forum.json XAA.json XBB.json XCC.json >/dev/null
for member in XAA XBB XCC; do node $member forum sign forum.json --record "$(id forum.json)"; done
genesis=$("$program" --json forum show forum.json | python3 -c 'import json,sys; print(json.load(sys.stdin)["genesis"])')
for member in XAA XBB XCC; do node $member forum join forum.json --genesis "$genesis"; done
cat >returns.toml <<'TOML'
dataflow = "RCP:RETURNS(1.0.0)"
[components]
FREQ = { value = "M" }
REF_AREA = { value = "GTM" }
ORIGIN = { value = "MEX" }
DESTINATION = { value = "GTM" }
RETURN_TYPE = { value = "_T" }
SEX = { value = "_T" }
AGE = { value = "_T" }
TIME_PERIOD = { column = "month" }
OBS_VALUE = { column = "persons" }
OBS_STATUS = { value = "A" }
CONF_STATUS = { value = "F" }
UNIT_MEASURE = { value = "PS" }
COUNTED = { value = "PERSONS" }
BASIS = { value = "CITIZENSHIP" }
DURATION = { value = "_Z" }
SOURCE_KIND = { value = "ADMINISTRATIVE" }
SOURCE = { value = "made up" }
TOML
publish() {
  printf 'month,persons\n2024-01,%s\n2024-02,%s\n' "$2" "$3" >returns.csv
  node XAA import returns.csv --mapping returns.toml --title "$1"
  node XAA approve
  "$program" -d XAA --json publish | python3 -c 'import json,sys; print(json.load(sys.stdin)["release"])'
}
first=$(publish "Made-up returns é, first" 120 130)
# What came later: an amended charter, a successor announced, a revoked publisher, a suspension of the issuer that has begun since.
node XAA forum amend --months 24 --from forum.json -o v2.json
for member in XAA XBB XCC; do node $member forum sign v2.json --record "$(id v2.json)"; done
node XAA forum adopt v2.json
node XAA keys announce --no-passphrase
node XAA forum card -o XAA.json
node XAA forum amend --update XAA.json -o v3.json
for member in XAA XBB XCC; do node $member forum sign v3.json --record "$(id v3.json)"; done
node XAA forum adopt v3.json
node XAA keys revoke publisher --reason "made-up loss"
second=$(publish "Made-up returns é, revised" 121 130)
"$program" -d XAA serve >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do curl -sf http://127.0.0.1:18791/api/v1/node >/dev/null && break; sleep 0.1; done
n=0
for release in "$first" "$second"; do
  n=$((n + 1))
  curl -sf "http://127.0.0.1:18791/api/v1/releases/$release/proof" >"$out/$n.proof.json"
  curl -sf "http://127.0.0.1:18791/api/v1/releases/$release" >"$out/$n.release.json"
  file=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["artefacts"][0]["url"])' "$out/$n.release.json")
  curl -sf "http://127.0.0.1:18791/${file#/}" >"$out/$n.parquet"
done
ls -l "$out"
