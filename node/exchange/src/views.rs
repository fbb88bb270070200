//! What readers see: the shapes the page and scripts get as JSON. Times are RFC 3339 UTC.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// This node.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NodeView {
    /// Member id.
    pub member: String,
    /// The agency's name.
    pub member_name: String,
    /// Role in the forum.
    pub role: String,
    /// The forum it has joined.
    pub forum: Option<ForumRef>,
    /// The program's version.
    pub version: &'static str,
}

/// A forum's id and name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForumRef {
    /// Record id of the genesis charter.
    pub id: String,
    /// Name.
    pub name: String,
    /// Why membership is frozen, if it is: the charter has expired, or another contradicts it. Figures flow on.
    pub frozen: Option<String>,
}

/// The forum: charter and members.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForumView {
    /// Record id of the genesis charter.
    pub id: String,
    /// Name.
    pub name: String,
    /// The charter in force.
    pub charter: CharterView,
    /// Members in the charter's order.
    pub members: Vec<MemberView>,
    /// Two valid charters of one number, if two are known: membership is frozen.
    pub rival_charters: Option<RivalChartersView>,
}

/// Two valid charters that follow the same one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RivalChartersView {
    /// The number that both have.
    pub version: u64,
    /// States that signed both: none may.
    pub signed_both: Vec<String>,
    /// The one in force here, and the other.
    pub charters: Vec<RivalCharterView>,
}

/// One of two charters that contradict each other.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RivalCharterView {
    /// Record id.
    pub id: String,
    /// When it was drafted.
    pub issued_at: String,
    /// Whose draft it is.
    pub drafted_by: String,
    /// States of the version before whose signature holds.
    pub signed_by: Vec<String>,
    /// Whether this node goes by it.
    pub in_force: bool,
    /// What it changes of the version before.
    pub changes: Vec<String>,
}

/// The charter in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CharterView {
    /// Version, from 1.
    pub version: u64,
    /// Record id.
    pub id: String,
    /// When it was drafted.
    pub issued_at: String,
    /// When it expires; membership is frozen from then, data are not.
    pub expires: String,
    /// Whether it has expired.
    pub expired: bool,
    /// Members whose signature holds.
    pub signed_by: Vec<String>,
}

/// One member, as this node knows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemberView {
    /// Member id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `member-state`, `observer` or `secretariat`.
    pub role: String,
    /// Whether this is the node asked.
    #[serde(rename = "self")]
    pub is_self: bool,
    /// Whether a connection to it stands.
    pub online: bool,
    /// When it was last connected.
    pub last_seen: Option<String>,
    /// The newest verified head of its log.
    pub log: Option<LogView>,
    /// Releases held here, in any state.
    pub releases: u64,
    /// When it last published.
    pub latest_release_at: Option<String>,
    /// When its log was seen to contradict itself: two signed heads are at `/log/{forum}/{member}/evidence`.
    pub forked_at: Option<String>,
    /// Those two heads, read.
    pub fork: Option<ForkView>,
    /// The suspension in force: its node is not let in, and what it publishes is not taken.
    pub suspended: Option<SuspensionView>,
}

/// Two signed heads of one log that no append-only log can both have had.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForkView {
    /// When this node saw it.
    pub seen_at: String,
    /// Both heads.
    pub heads: Vec<SignedHeadView>,
}

/// A log's head, with who signed it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SignedHeadView {
    /// Leaves.
    pub size: u64,
    /// Root hash, hexadecimal.
    pub root: String,
    /// Fingerprints of the member's log keys whose signature holds.
    pub signed_by: Vec<String>,
    /// Members that cosigned it: a head has no other time than theirs.
    pub cosigned_by: Vec<CosignerView>,
}

/// A member that cosigned a head.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CosignerView {
    /// Member id.
    pub member: String,
    /// When it saw the head, RFC 3339.
    pub at: String,
}

/// A suspension in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SuspensionView {
    /// RFC 3339.
    pub from: String,
    /// RFC 3339: it ends by itself.
    pub until: String,
    /// Why, in the words of those who suspended.
    pub reason: String,
    /// The states that signed it.
    pub signed_by: Vec<String>,
}

/// A log's verified head.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogView {
    /// Leaves.
    pub size: u64,
    /// When this node verified it.
    pub checkpoint_at: String,
}

/// A dataflow and what is published under it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DataflowView {
    /// Id.
    pub id: String,
    /// URN.
    pub urn: String,
    /// English name.
    pub name: String,
    /// English description.
    pub description: String,
    /// Dimensions in the data structure's order, without time.
    pub dimensions: Vec<NamedId>,
    /// The two dimensions that are a corridor's ends.
    pub corridor: Option<CorridorEnds>,
    /// Releases in force.
    pub releases: u64,
    /// Members with a release in force.
    pub members: Vec<String>,
    /// Unit of the figures, if one.
    pub unit: Option<String>,
}

/// A dataflow with the codes that occur in its published figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DataflowDetail {
    /// The dataflow.
    #[serde(flatten)]
    pub dataflow: DataflowView,
    /// Codes that occur, by dimension.
    pub codes: BTreeMap<String, Vec<NamedId>>,
    /// Corridors that occur, and who reports them.
    pub corridors: Vec<CorridorView>,
}

/// An id and its name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NamedId {
    /// Id.
    pub id: String,
    /// English name.
    pub name: String,
}

/// The dimensions that hold a corridor's ends.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CorridorEnds {
    /// Dimension of the origin.
    pub origin: String,
    /// Dimension of the destination.
    pub destination: String,
}

/// A corridor and who reports on it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CorridorView {
    /// Origin code.
    pub origin: String,
    /// Destination code.
    pub destination: String,
    /// Members whose releases have figures for it.
    pub members: Vec<String>,
}

/// A release, its place in the log and what checking it gave.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReleaseView {
    /// Record id.
    pub id: String,
    /// Issuing member.
    pub member: String,
    /// Its name.
    pub member_name: String,
    /// Dataflow id.
    pub dataflow: String,
    /// Dataflow name.
    pub dataflow_name: String,
    /// Title.
    pub title: String,
    /// When it was issued.
    pub issued_at: String,
    /// When this node stored it.
    pub received_at: String,
    /// `current`, `replaced` or `withdrawn`.
    pub state: String,
    /// The release it replaces.
    pub replaces: Option<String>,
    /// The release that replaced it.
    pub replaced_by: Option<String>,
    /// Observations.
    pub rows: u64,
    /// Bytes of all artefacts.
    pub bytes: u64,
    /// First and last period.
    pub periods: [String; 2],
    /// Who may read it.
    pub audience: String,
    /// Where it stands in its issuer's log.
    pub log: LogPosition,
    /// What disclosure control did.
    pub disclosure: serde_json::Value,
    /// Who prepared and who approved it.
    pub approvals: Vec<ApprovalView>,
    /// The files.
    pub artefacts: Vec<ArtefactView>,
    /// The checks.
    pub verification: VerificationView,
}

/// A place in a log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogPosition {
    /// Leaf index.
    pub index: u64,
    /// Size of the verified head it was proved in.
    pub size: u64,
}

/// An operator's part.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApprovalView {
    /// `prepare` or `approve`.
    pub role: String,
    /// The operator's name, as delegated.
    pub operator: String,
}

/// An artefact.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ArtefactView {
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// Observations.
    pub rows: u64,
    /// Where this node serves it.
    pub url: String,
}

/// The checks of one release. Every one must hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VerificationView {
    /// The publisher's signature over the record.
    pub signature: CheckView,
    /// The publisher key's delegation by the member's authority key, valid when the record was issued.
    pub delegation: CheckView,
    /// Two different operators prepared and approved it.
    pub four_eyes: CheckView,
    /// The record is in the issuer's signed log.
    pub log_proof: CheckView,
    /// The file's bytes have the signed hash.
    pub artefact: CheckView,
    /// All of them.
    pub ok: bool,
    /// When they were made.
    pub checked_at: String,
}

/// One check.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckView {
    /// Whether it held.
    pub ok: bool,
    /// What was checked, or why it failed.
    pub detail: String,
}

/// What a member says of its figures of a dataflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetadataView {
    /// Record id.
    pub id: String,
    /// Issuing member.
    pub member: String,
    /// Its name.
    pub member_name: String,
    /// Dataflow id.
    pub dataflow: String,
    /// Dataflow name.
    pub dataflow_name: String,
    /// Version of the set.
    pub version: String,
    /// When it was issued.
    pub issued_at: String,
    /// When this node stored it.
    pub received_at: String,
    /// The record it replaces.
    pub replaces: Option<String>,
    /// Where it stands in its issuer's log.
    pub log: LogPosition,
    /// Who prepared and who approved it.
    pub approvals: Vec<ApprovalView>,
    /// What it says, as its structure orders it.
    pub attributes: Vec<MetadataAttributeView>,
}

/// A metadata attribute as it is reported.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetadataAttributeView {
    /// Id.
    pub id: String,
    /// Name of its concept.
    pub name: String,
    /// What is said; none if it only holds others together.
    pub text: Option<String>,
    /// Attributes in it.
    #[schema(no_recursion)]
    pub attributes: Vec<MetadataAttributeView>,
}

/// Figures for a chart and its table.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FiguresView {
    /// Dataflow id.
    pub dataflow: String,
    /// Dimension ids.
    pub dimensions: Vec<String>,
    /// Series, sorted by key.
    pub series: Vec<SeriesView>,
    /// Attributes with one value throughout.
    pub attributes: BTreeMap<String, String>,
    /// The releases the figures came from.
    pub releases: BTreeMap<String, ReleaseView>,
    /// Whether the limit cut the answer.
    pub truncated: bool,
}

/// One series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeriesView {
    /// Code by dimension.
    pub key: BTreeMap<String, String>,
    /// Code name by dimension.
    pub labels: BTreeMap<String, String>,
    /// Observations by time.
    pub observations: Vec<ObservationView>,
}

/// One figure.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ObservationView {
    /// SDMX period.
    pub period: String,
    /// The figure; none if missing or suppressed, which `obs_status` tells apart.
    pub value: Option<f64>,
    /// OBS_STATUS.
    pub obs_status: Option<String>,
    /// CONF_STATUS.
    pub conf_status: Option<String>,
    /// Record id of the release it came from.
    pub release: String,
    /// Attributes that vary over the answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Sums of figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sums {
    /// One for each combination of codes that has figures, in their order.
    pub sums: Vec<SumView>,
    /// Dimensions of which the sums count the total `_T` beside its parts: a condition on each makes them sums of one kind.
    pub totals_beside_parts: Vec<String>,
}

/// One sum.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SumView {
    /// Component and code.
    pub key: BTreeMap<String, String>,
    /// The sum of the figures there are.
    pub sum: f64,
    /// Observations, with those without a figure.
    pub observations: u64,
    /// Observations without a figure: missing, or withheld.
    pub missing: u64,
}
