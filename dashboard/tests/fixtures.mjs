import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a real node answered of made-up releases, with their proofs: see bundles.sh. */
const BUNDLES = fileURLToPath(new URL('bundles/', import.meta.url));
const read = (name) => JSON.parse(readFileSync(BUNDLES + name, 'utf8'));
const recorded = readdirSync(BUNDLES)
  .filter((name) => name.endsWith('.release.json'))
  .map((name) => ({ release: read(name), proof: read(name.replace('.release.', '.proof.')), file: BUNDLES + name.replace('.release.json', '.parquet') }));
/** Ids of the recorded releases, oldest first. */
export const RECORDED = recorded.map(({ release }) => release.id);

/** The recorded file at a path, or null. */
export const recordedFile = (path) => {
  const found = recorded.find(({ release }) => release.artefacts.some(({ url }) => url.replace(/^\//, '') === path.replace(/^\//, '')));
  return found ? readFileSync(found.file) : null;
};

/** Made-up answers in the shape of the node's JSON API. No state, person or figure in here exists. */

const hex = (seed) => [...Array(64)].map((_, i) => ((seed * 7 + i * i * 3 + i) % 16).toString(16)).join('');

const NAMES = { XAA: 'Testland', XBB: 'Sample Republic', XCC: 'Democratic Federation of Examples', SEC: 'Test secretariat' };
const FLOWS = {
  RETURNS: { name: 'Returns', corridor: { origin: 'ORIGIN', destination: 'DESTINATION' }, extra: ['RETURN_TYPE', 'SEX', 'AGE'] },
  MIGRANT_STOCK: { name: 'Migrant stock', corridor: { origin: 'ORIGIN', destination: 'DESTINATION' }, extra: ['SEX', 'AGE'] },
  TREATY_STATUS: { name: 'Treaty status', corridor: null, extra: ['TREATY', 'TREATY_ACTION'] },
};
const DIMENSIONS = {
  FREQ: 'Frequency',
  REF_AREA: 'Reporting area',
  ORIGIN: 'Origin',
  DESTINATION: 'Destination',
  RETURN_TYPE: 'Type of return',
  SEX: 'Sex',
  AGE: 'Age',
  TREATY: 'Treaty',
  TREATY_ACTION: 'Treaty action',
};
const CODES = {
  ...NAMES,
  _T: 'Total',
  M: 'Monthly',
  A: 'Annual',
  D: 'Daily',
  F: 'Female',
  DEPORTATION: 'Deportation',
  TREATY_1: 'Convention on Test Data, 1951',
  TREATY_2: 'Protocol on Fixtures',
  ACCESSION: 'Accession',
  RATIFICATION: 'Ratification',
};
const label = (dimension, code) => (dimension === 'SEX' && code === 'M' ? 'Male' : (CODES[code] ?? code));

const dimensionIds = (flow) => [
  'FREQ',
  'REF_AREA',
  ...(FLOWS[flow].corridor ? ['ORIGIN', 'DESTINATION'] : []),
  ...FLOWS[flow].extra,
];

const verification = (broken) => ({
  signature: { ok: true, detail: `signed by ed25519:TEST${broken ? 'B' : 'A'} as publisher` },
  delegation: { ok: true, detail: 'delegated from 2026-01-01T00:00:00Z to 2026-03-31T00:00:00Z' },
  four_eyes: { ok: true, detail: 'prepared by `ana`, approved by `luis`' },
  log_proof: { ok: !broken, detail: broken ? 'inclusion path leads to another root than the signed head' : 'leaf 3 of 7 under checkpoint of 2026-02-03T10:00:00Z' },
  artefact: { ok: true, detail: 'sha-256 of 18,432 bytes matches' },
  ok: !broken,
  checked_at: '2026-02-03T10:05:00Z',
});

const release = (seed, member, dataflow, issued_at, more = {}) => ({
  id: hex(seed),
  member,
  member_name: NAMES[member],
  dataflow,
  dataflow_name: FLOWS[dataflow].name,
  title: `${FLOWS[dataflow].name} as counted by ${NAMES[member]}`,
  issued_at,
  received_at: issued_at.replace(':00Z', ':09Z'),
  state: 'current',
  replaces: null,
  replaced_by: null,
  rows: 1234 + seed,
  bytes: 18432 * seed,
  periods: dataflow === 'RETURNS' ? ['2023-01', '2024-12'] : ['1990', '2024'],
  audience: 'public',
  log: { index: seed, size: 7 },
  disclosure: { profile: 'default', suppressed: seed * 3, rounded: seed * 40 },
  approvals: [
    { role: 'prepare', operator: 'ana' },
    { role: 'approve', operator: 'luis' },
  ],
  artefacts: [{ sha256: hex(seed + 40), bytes: 18432 * seed, rows: 1234 + seed, url: `/api/v1/artefacts/${hex(seed + 40)}.parquet` }],
  verification: verification(false),
  ...more,
});

const releases = [
  release(6, 'XBB', 'RETURNS', '2026-02-03T10:00:00Z', { replaces: hex(5), audience: ['XAA', 'XBB'] }),
  release(5, 'XBB', 'RETURNS', '2026-01-20T09:30:00Z', { state: 'replaced', replaced_by: hex(6) }),
  release(4, 'XAA', 'RETURNS', '2026-01-19T08:00:00Z'),
  release(3, 'XAA', 'MIGRANT_STOCK', '2026-01-18T08:00:00Z', { verification: verification(true) }),
  release(2, 'XBB', 'TREATY_STATUS', '2026-01-17T08:00:00Z', { state: 'withdrawn' }),
];

const member = (id, role, more) => ({
  id,
  name: NAMES[id],
  role,
  self: false,
  online: true,
  last_seen: '2026-02-03T10:05:00Z',
  log: { size: 7, checkpoint_at: '2026-02-03T10:00:00Z' },
  releases: releases.filter((one) => one.member === id).length,
  latest_release_at: releases.find((one) => one.member === id)?.issued_at ?? null,
  ...more,
});

const flowView = (id) => ({
  id,
  urn: `urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=RCP:${id}(1.0.0)`,
  name: FLOWS[id].name,
  description: `Made-up figures for tests: ${FLOWS[id].name.toLowerCase()}.`,
  dimensions: dimensionIds(id).map((dimension) => ({ id: dimension, name: DIMENSIONS[dimension] })),
  corridor: FLOWS[id].corridor,
  releases: releases.filter(({ dataflow }) => dataflow === id).length,
  members: [...new Set(releases.filter(({ dataflow }) => dataflow === id).map((one) => one.member))],
  unit: 'PS',
});

const codes = (...ids) => ids.map((id) => ({ id, name: CODES[id] }));

const corridors = {
  RETURNS: [
    { origin: 'XAA', destination: 'XBB', members: ['XAA', 'XBB'] },
    { origin: 'XAA', destination: 'XCC', members: ['XAA'] },
  ],
  MIGRANT_STOCK: [{ origin: 'XBB', destination: 'XAA', members: ['XAA'] }],
  TREATY_STATUS: [],
};

const observation = (period, value, releaseSeed, obs_status = 'A', conf_status = 'F', attributes = {}) => ({
  period,
  value,
  obs_status,
  conf_status,
  release: hex(releaseSeed),
  attributes,
});

const series = (flow, key, observations) => ({
  key,
  labels: Object.fromEntries(Object.entries(key).map(([dimension, code]) => [dimension, label(dimension, code)])),
  observations,
});

const months = [...Array(24)].map((_, i) => `${2023 + Math.floor(i / 12)}-${String((i % 12) + 1).padStart(2, '0')}`);
const wave = (i, base) => Math.round(base + base * 0.45 * Math.sin(i / 3) + ((i * 37) % 11) * base * 0.015);

function returns(destination, asOf) {
  const at = (area, sex, type) => ({ FREQ: 'M', REF_AREA: area, ORIGIN: 'XAA', DESTINATION: destination, RETURN_TYPE: type, SEX: sex, AGE: '_T' });
  const older = asOf && asOf < '2026-02-03T10:00:00Z';
  const origin = { SOURCE: 'Made-up register of departures', DEFINITION: 'Persons handed over at the border post, counted on the day of departure' };
  const mirror = { SOURCE: 'Made-up register of arrivals', DEFINITION: 'Persons received at a reception centre' };
  const own = (base, sex) =>
    series('RETURNS', at('XAA', sex, '_T'), months.map((period, i) => (i === 9 ? observation(period, null, 4, 'Q', 'A', origin) : observation(period, wave(i, base), 4, i > 21 ? 'P' : 'A', 'F', origin))));
  const list = [own(2400, '_T'), own(1700, 'M'), own(700, 'F')];
  if (destination === 'XBB') {
    const seen = months.filter((_, i) => i !== 15 && i !== 16);
    list.push(
      series('RETURNS', at('XBB', '_T', '_T'), seen.map((period, i) => (i === 4 ? observation(period, null, older ? 5 : 6, 'O', 'F', mirror) : observation(period, wave(i, older ? 1900 : 2250), older ? 5 : 6, 'A', 'F', mirror)))),
    );
  }
  return list;
}

const attribute = (id, name, text, attributes = []) => ({ id, name, text, attributes });
const metadata = ['XAA', 'XBB'].map((by, i) => ({
  id: hex(20 + i),
  member: by,
  member_name: NAMES[by],
  dataflow: 'RETURNS',
  dataflow_name: 'Returns',
  version: `${i + 1}.0.0`,
  issued_at: '2026-01-21T09:00:00Z',
  approvals: [{ role: 'prepare', operator: 'ana' }, { role: 'approve', operator: 'luis' }],
  attributes: [
    attribute('CONTACT', 'Contact', null, [attribute('CONTACT_ORGANISATION', 'Contact organisation', `${NAMES[by]}, statistics unit`), attribute('CONTACT_EMAIL', 'Contact e-mail', 'statistics@example.test')]),
    attribute('DEFINITION', 'Definition', null, [attribute('STAT_CONC_DEF', 'Statistical concepts and definitions', `Made-up returns as ${NAMES[by]} counts them.`)]),
  ],
}));

const stock = () => [
  series('MIGRANT_STOCK', { FREQ: 'A', REF_AREA: 'XAA', ORIGIN: 'XBB', DESTINATION: 'XAA', SEX: '_T', AGE: '_T' },
    ['1990', '1995', '2000', '2005', '2010', '2015', '2020', '2024'].map((period, i) => observation(period, 21000 + i * i * 3100, 3, i > 6 ? 'E' : 'A'))),
];

const treaties = () => [
  series('TREATY_STATUS', { FREQ: 'D', REF_AREA: 'XBB', TREATY: 'TREATY_1', TREATY_ACTION: 'ACCESSION' }, [observation('1983-09-22', 1, 2)]),
  series('TREATY_STATUS', { FREQ: 'A', REF_AREA: 'XBB', TREATY: 'TREATY_2', TREATY_ACTION: 'RATIFICATION' }, [observation('2007', 1, 2)]),
];

function figures(params) {
  const flow = params.get('dataflow');
  const list = { RETURNS: () => returns(params.get('DESTINATION'), params.get('asOf')), MIGRANT_STOCK: stock, TREATY_STATUS: treaties }[flow]();
  const known = !params.get('asOf') || params.get('asOf') > '2026-01-19T08:00:00Z';
  const source = ({ id, member: by, member_name, issued_at, verification: checks }) => [id, { member: by, member_name, issued_at, verification: checks }];
  return {
    dataflow: flow,
    dimensions: dimensionIds(flow),
    series: known ? list : [],
    attributes: { UNIT_MEASURE: 'PS', COUNTED: 'PERSONS', BASIS: 'CITIZENSHIP', SOURCE_KIND: 'ADMINISTRATIVE', UNIT_MULT: '0' },
    releases: Object.fromEntries(releases.map(source)),
    truncated: false,
  };
}

/** The JSON answer to a path under /api/v1, or null where there is none. */
export function answer(path, params) {
  const [noun, id, rest] = path.split('/');
  if (path === 'node') return { member: 'SEC', member_name: NAMES.SEC, role: 'secretariat', forum: { id: hex(1), name: 'Forum of made-up states (test)' }, version: '0.1.0' };
  if (path === 'forum') {
    return {
      id: hex(1),
      name: 'Forum of made-up states (test)',
      charter: { version: 2, id: hex(9), issued_at: '2026-01-01T00:00:00Z', expires: '2027-01-01T00:00:00Z', expired: false, signed_by: ['XAA', 'XBB', 'XCC'] },
      members: [
        member('XAA', 'member-state'),
        member('XBB', 'member-state', { online: false }),
        member('XCC', 'member-state', { online: false, last_seen: null, log: null }),
        member('SEC', 'secretariat', { self: true, last_seen: null }),
      ],
    };
  }
  if (path === 'dataflows') return Object.keys(FLOWS).map(flowView);
  if (noun === 'dataflows' && FLOWS[id]) {
    const areas = codes('XAA', 'XBB', 'XCC');
    return { ...flowView(id), corridors: corridors[id], codes: { ORIGIN: areas, DESTINATION: areas, REF_AREA: id === 'TREATY_STATUS' ? codes('XBB') : areas } };
  }
  if (path === 'releases') {
    const matches = (name) => (one) => !params.get(name) || one[name] === params.get(name);
    return { releases: releases.filter(matches('dataflow')).filter(matches('member')) };
  }
  if (noun === 'releases') {
    const real = recorded.find(({ release }) => release.id === id);
    if (real) return rest === 'proof' ? real.proof : real.release;
    const found = releases.find((one) => one.id === id);
    if (!found) return null;
    return rest === 'proof' ? { format: 'chancery-proof/1', record: {} } : { ...found, report: { profile: 'default', suppressed: found.disclosure.suppressed } };
  }
  if (path === 'metadata') return { metadata: metadata.filter((one) => one.dataflow === params.get('dataflow')) };
  if (path === 'figures') return figures(params);
  return null;
}

/** The forum when a member has signed two heads of its log, and two charters of one number are known. */
export function alarmed() {
  const forum = answer('forum', new URLSearchParams());
  const head = (size, root, cosigned_by) => ({ size, root: hex(root), signed_by: ['3f2a9c0d11e4b786'], cosigned_by });
  const fork = { seen_at: '2026-02-03T11:00:00Z', heads: [head(7, 21, []), head(7, 22, [{ member: 'XAA', at: '2026-02-03T10:00:00Z' }])] };
  forum.members = forum.members.map((one) => (one.id === 'XBB' ? { ...one, forked_at: fork.seen_at, fork } : one));
  const rival = (seed, signed_by, in_force, changes) => ({ id: hex(seed), issued_at: '2026-01-20T09:00:00Z', drafted_by: 'SEC', signed_by, in_force, changes });
  forum.rival_charters = {
    version: 2,
    signed_both: ['XBB'],
    charters: [rival(9, ['XAA', 'XBB'], true, ['the charter expires at 2027-01-01T00:00:00Z']), rival(31, ['XBB', 'XCC'], false, ['`XDD` is admitted', 'four eyes are not needed'])],
  };
  return forum;
}
