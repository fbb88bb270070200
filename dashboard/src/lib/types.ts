/** What the node's JSON API answers (`/api/v1`). Times are RFC 3339 UTC, ids are lower-case hex SHA-256. */

export type Role = 'member-state' | 'observer' | 'secretariat';

export interface NodeInfo {
  member: string;
  member_name: string;
  role: Role;
  /** `frozen`: why membership is frozen, if it is. */
  forum: { id: string; name: string; frozen?: string | null } | null;
  version: string;
}

/** A log's head: it has no other time than those of its cosignatures. */
export interface SignedHead {
  size: number;
  root: string;
  /** Fingerprints of the log keys that signed it. */
  signed_by: string[];
  cosigned_by: { member: string; at: string }[];
}

/** One of two valid charters of one number. */
export interface RivalCharter {
  id: string;
  issued_at: string;
  drafted_by: string;
  signed_by: string[];
  in_force: boolean;
  changes: string[];
}

export interface Member {
  id: string;
  name: string;
  role: Role;
  /** True for the member whose node serves this page. */
  self: boolean;
  online: boolean;
  last_seen: string | null;
  log: { size: number; checkpoint_at: string } | null;
  releases: number;
  latest_release_at: string | null;
  forked_at?: string | null;
  /** Two signed heads of its log that contradict each other. */
  fork?: { seen_at: string; heads: SignedHead[] } | null;
  /** The suspension in force, if there is one. */
  suspended?: { from: string; until: string; reason: string; signed_by: string[] } | null;
}

export interface Forum {
  id: string;
  name: string;
  charter: {
    version: number;
    id: string;
    issued_at: string;
    expires: string;
    expired: boolean;
    signed_by: string[];
  };
  members: Member[];
  /** Two valid charters of one number, if two are known. */
  rival_charters?: { version: number; signed_both: string[]; charters: RivalCharter[] } | null;
}

export interface Code {
  id: string;
  name: string;
}

export interface Dataflow {
  id: string;
  urn: string;
  name: string;
  description: string | null;
  dimensions: Code[];
  /** The dimensions that are the two ends of a corridor; null where the dataflow has none. */
  corridor: { origin: string; destination: string } | null;
  releases: number;
  members: string[];
  unit: string | null;
}

export interface Corridor {
  origin: string;
  destination: string;
  /** The members that report it. More than one: mirror statistics. */
  members: string[];
}

export interface DataflowDetail extends Dataflow {
  /** Per dimension, only the codes that occur in what is published. */
  codes: Record<string, Code[]>;
  corridors: Corridor[];
}

export interface Check {
  ok: boolean | null;
  detail: string;
}

/** The checks of a release, in the order in which they are shown. */
export const CHECKS = ['signature', 'delegation', 'four_eyes', 'log_proof', 'artefact'] as const;
export type CheckName = (typeof CHECKS)[number];

export type Verification = Partial<Record<CheckName, Check>> & { ok: boolean | null; checked_at?: string | null };

export type ReleaseState = 'current' | 'replaced' | 'withdrawn';

export interface Artefact {
  sha256: string;
  bytes: number;
  rows: number;
  url: string;
}

export interface Release {
  id: string;
  member: string;
  member_name: string;
  dataflow: string;
  dataflow_name: string;
  title: string;
  issued_at: string;
  received_at: string | null;
  state: ReleaseState;
  replaces: string | null;
  replaced_by: string | null;
  rows: number;
  bytes: number;
  periods: [string, string] | null;
  audience: string | string[];
  log: { index: number; size: number } | null;
  disclosure: Record<string, string | number> | null;
  approvals: { role: string; operator: string }[];
  artefacts: Artefact[];
  verification: Verification;
}

export interface ReleaseDetail extends Release {
  report: unknown;
  /** What is left to say of a release that was withdrawn. */
  tombstone: { reason: string; withdrawn_at: string; record: string | null } | null;
  /** What its RFC 3161 time-stamp says, if it has one. Nobody has checked it here: that takes a CA which the reader trusts. */
  timestamp: string | null;
}

/** What a member says of its figures: a group, or an attribute with its text. */
export interface MetadataAttribute {
  id: string;
  name: string;
  text: string | null;
  attributes: MetadataAttribute[];
}

export interface Metadata {
  id: string;
  member: string;
  member_name: string;
  dataflow: string;
  version: string;
  issued_at: string;
  approvals: { role: string; operator: string }[];
  attributes: MetadataAttribute[];
}

export interface Observation {
  period: string;
  value: number | null;
  obs_status: string | null;
  conf_status: string | null;
  release: string;
  attributes?: Record<string, string | null>;
}

export interface Series {
  key: Record<string, string>;
  labels: Record<string, string>;
  observations: Observation[];
}

export interface SourceRelease {
  member: string;
  member_name: string;
  issued_at: string;
  verification: Verification;
}

export interface Figures {
  dataflow: string;
  dimensions: string[];
  series: Series[];
  /** Attributes with one value in the whole answer. */
  attributes: Record<string, string | null>;
  releases: Record<string, SourceRelease>;
  truncated: boolean;
}
