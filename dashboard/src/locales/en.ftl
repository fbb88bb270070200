# The page's words. A term in braces is filled in by the page.

title = { $view } · { $forum }
product = Chancery
skip = Skip to the content
nav = Views
view-forum = Forum
view-releases = Releases
view-figures = Figures
node-line = This page is served by the node of { $member }.
footer-standards = The same figures as SDMX
footer-structures = dataflows and structures
footer-times = All times are in UTC.
footer-trust = The marks on this page say what this node has checked. To check for yourself, download the proof bundle and the file and run the command below, with the forum id that your own agency was told.
footer-version = Chancery { $version }

loading = Loading …
retry = Try again
error-title = This could not be loaded
error-unreachable = The node does not answer. Check that it is running and that you are connected, then try again.
error-not-json = The node gave an answer that this page cannot read (status { $status }). The page and the node may be of different versions: reload the page.
error-said = The node said: { $message } (status { $status }).
error-status = The node refused the request (status { $status }).


# Forum
forum-charter = Charter
forum-version = Version
forum-issued = Issued
forum-expires = Expires
forum-expired = Expired: membership is frozen, published figures stay valid
forum-valid = In force
forum-signed = Signed by
forum-signed-count = { $count ->
    [one] one member
   *[other] { $count } members
  }
forum-id = Forum id
forum-members = Members
forum-members-lead = { $count ->
    [one] One member
   *[other] { $count } members
  }, { $online } on line, { $published } with published figures.
forum-silent-title = Nothing published yet
forum-silent-note = No release of these members has reached this node:
member = Member
member-role = Role
member-line = Connection
member-suspended = Suspended from { $from } until { $until } by { $by }: { $reason }
member-forked = Log forked: two signed heads contradict each other (seen { $time })
alarm-fork = Alarm: the log of { $name } contradicts itself
alarm-fork-what = { $name } has signed two heads that no log to which records are only ever added can both have had. Somebody may have been shown another history than you. This node saw it at { $time }.
alarm-head = Head { $number }
alarm-size = Size
alarm-root = Root hash
alarm-signed = Signed by
alarm-log-key = the log key of { $name }
alarm-seen-by = Cosigned by
alarm-seen-by-none = nobody, as far as this node knows: when it was signed cannot be told
alarm-do = What to do
alarm-fork-figures = Do not rely on what { $name } publishes from now on, nor on its newest figures, until it has explained itself.
alarm-fork-ask = Ask { $name }, by telephone rather than by what its node says, which of the two heads is its own, and whether a key was stolen or an old backup put back.
alarm-fork-proof = The two signed heads prove this to anybody; show them to the other members. An operator of this node gets them by
alarm-fork-download = as a file
alarm-fork-node = By itself, this node cosigns no more of that log, keeps both heads, and passes them on to the other members’ nodes.
alarm-charters = Alarm: two valid charters have the number { $version }
alarm-charters-what = Both follow the same version and both have enough signatures. No member may sign two: { $names } did.
alarm-charter-here = In force at this node
alarm-charter-other = The other
alarm-record = Record
alarm-drafted = Drafted by
alarm-changes = Changes
alarm-charters-ask = Ask { $names } which of the two was meant, and whether a key was stolen.
alarm-charters-settle = Settle it together: a further version, on top of one of the two, that every member state signs. It is drafted by
alarm-charters-show = Admit and remove nobody until then, and keep both records. What is known at this node is said by
alarm-charters-node = By itself, this node keeps both charters, goes by the one that it knew first, and changes no membership. Published figures stay valid.
member-online = On line
member-offline = Off line
member-self = This node
member-seen = last seen { $time }
member-never-seen = never seen
member-log = Log
member-log-size = { $size ->
    [one] one record
   *[other] { $size } records
  }
member-log-none = no log received
member-releases = Releases
member-latest = Latest release
member-nothing = Nothing published
role-memberstate = Member state
role-observer = Observer
role-secretariat = Secretariat

# Releases
releases-lead = What each member has published, newest first. Nothing is listed that this node has not received and checked.
filters = Filters
filter-member = Member
filter-dataflow = Dataflow
filter-state = State
filter-all-members = All members
filter-all-dataflows = All dataflows
filter-state-all = All
filter-clear = Clear filters
releases-count = { $count ->
    [0] No release
    [one] One release
   *[other] { $count } releases
  }
releases-none = Nobody has published anything yet, or nothing has reached this node. A release appears here once it has been received and checked.
releases-none-filtered = No release matches these filters.
release = Release
release-published = Published
release-state = State
release-withheld = Disclosure control
release-checks = Verification
release-node-checks = What this node checked
release-files = Files
release-rows = { $count ->
    [one] one figure
   *[other] { $count } figures
  }
release-periods = { $start } to { $end }
release-periods-one = { $start }
release-suppressed = { $count } suppressed
release-rounded = { $count } rounded
release-no-disclosure = not stated
release-record = Record
release-proof = Proof bundle
release-artefact = Parquet
release-artefact-n = Parquet { $n }
release-sha256 = SHA-256
release-back = All releases
release-title = Release by { $member }
release-about = About this release
release-dataflow = Dataflow
release-received = Received here
release-timestamp = Time-stamp (RFC 3161)
release-timestamp-at = { $time }, says an authority outside the forum; check it with “chancery verify --timestamp-ca”
release-audience = Audience
release-log = Place in the log
release-log-at = record { $index } of { $size }
release-replaces = Replaces
release-replaced-by = Replaced by
release-approvals = Approved by
release-profile = Profile
release-report = Disclosure report
release-report-none = This node holds no disclosure report for the release.
release-size = Size
release-newer = A newer release has replaced this one.
release-withdrawn-note = Its publisher has withdrawn this release. The record stays in the log.
release-offline = Check it without trusting this node
release-offline-untold = Write the id that you were told, by your agency or the secretariat and not by this page, where the command says { $word }.
state-current = Current
state-replaced = Replaced
state-withdrawn = Withdrawn
audience-public = Public
audience-forum = Forum members
operator-prepare = prepared
operator-approve = approved

# Verification
check-signature = Signature
check-delegation = Key delegation
check-foureyes = Four eyes
check-logproof = Log proof
check-artefact = File hash
check-signature-what = The record is signed by the member’s publisher key.
check-delegation-what = The member’s authority key had entrusted that key with publishing at that time.
check-foureyes-what = Two different operators prepared and approved it.
check-logproof-what = The record is in the member’s append-only log, under a signed head.
check-artefact-what = The file here is byte for byte the one that was signed.
verified = Verified
verified-failed = Check failed
verified-unknown = Not checked
check-passed = passed
check-failed = failed
check-unknown = not checked
check-withdrawn = withdrawn
checks-failed = Failed: { $names }
checks-at = Checked { $time }
checks-of = Verification of the release by { $member }, { $time }

# Figures
figures-lead = One corridor, as each reporting state counts it. Two states that count the same people are shown side by side.
choose-dataflow = Dataflow
choose-asof = As known at (UTC)
asof-now = Latest
asof-banner = Figures as they were known on { $time }. Later revisions are not shown.
asof-before = before { $member } revised on { $time }
asof-revisions = Earlier editions
separate = Each separately
more-choices = Breakdown
mirror-title = Corridors that two states report
figures-none = There are no figures for this choice. Choose another corridor, or clear the date.
figures-none-flow = Nothing has been published under this dataflow yet. Choose another one.
figures-no-flows = Nothing has been published in this forum yet. Figures appear once a release has been received and checked.
figures-left-out = { $member } also reports this corridor, but not with this breakdown: change it to see their figures.
figures-truncated = The answer was cut at its limit: not all figures are shown. Download the CSV for all of them.
chart-too-many = The chart shows the first { $shown } of { $all } series. The table holds all.
chart-title = { $dataflow }: { $origin } to { $destination }
chart-title-plain = { $dataflow }: { $place }
chart-trend = Trend
chart-summary = Line chart of { $series ->
    [one] one series
   *[other] { $series } series
  }, { $start } to { $end }. Values from { $low } to { $high }. The table below holds every value.
chart-empty = No value to draw: every figure is withheld or missing. The table says why.
chart-period = Period shown
chart-legend = Legend
chart-suppressed = Suppressed to protect persons
chart-gap-note = A line is drawn only between neighbouring periods. Missing and suppressed figures are left open and are never zero.
table-title = Figures
table-caption = Every figure of the chart, with its status and the release it comes from
table-period = Period
table-figure = Figure
table-status = Status
table-source = Source
table-difference = Difference
table-difference-note = Difference: { $a } minus { $b }, where both have a figure.
table-newest = Newest first
cell-suppressed = suppressed
cell-missing = missing
cell-silent = not reported
metadata-title = What the publishers say of them
metadata-none = The publishers of these figures have not described them yet.
metadata-signed = Version { $version } of { $time }, signed by { $operators }.
metadata-record = Signed record
about-figures = About these figures
sources-title = Sources
download-csv = CSV of what is shown
download-query = SDMX query
download-title = Take it with you
source-of = { $member }, { $time }

# Codes (SDMX cross-domain codelists and the shared structures)
obs-A = normal
obs-B = break in series
obs-D = definition differs
obs-E = estimated
obs-F = forecast
obs-G = experimental
obs-I = imputed
obs-J = derogation
obs-K = included in another category
obs-L = missing: not collected
obs-M = missing: cannot exist
obs-N = not significant
obs-O = missing
obs-P = provisional
obs-Q = suppressed
obs-S = special event
obs-U = low reliability
obs-V = unvalidated
conf-A = confidential: small count
conf-C = confidential
conf-D = confidential: protects another figure
conf-F = free
conf-N = not for publication
conf-P = under embargo
conf-S = confidential: set by sender
attr-UNITMEASURE = Unit
attr-UNITMULT = Unit multiplier
attr-DECIMALS = Decimals
attr-COUNTED = Counted
attr-BASIS = Migrant by
attr-SOURCEKIND = Kind of source
attr-DEFINITION = Definition
attr-SOURCE = Source
attr-COMMENT = Comment
attr-OBSSTATUS = Status
attr-CONFSTATUS = Confidentiality
UNITMEASURE-PS = persons
UNITMEASURE-CS = cases
UNITMEASURE-EV = events
UNITMEASURE-USD = US dollars
UNITMULT-0 = units
UNITMULT-3 = thousands
UNITMULT-6 = millions
UNITMULT-9 = billions
COUNTED-PERSONS = persons
COUNTED-CASES = cases
COUNTED-EVENTS = events
COUNTED-CROSSINGS = crossings
BASIS-BIRTH = country of birth
BASIS-CITIZENSHIP = citizenship
BASIS-RESIDENCE = previous residence
BASIS-BIRTHCITIZENSHIP = birth or citizenship, mixed
BASIS-U = not stated
SOURCEKIND-REGISTER = register
SOURCEKIND-CENSUS = census
SOURCEKIND-SURVEY = survey
SOURCEKIND-ADMINISTRATIVE = administrative records
SOURCEKIND-MODEL = model
SOURCEKIND-REPORTED = as reported
disclosure-suppressed = Suppressed
disclosure-rounded = Rounded
disclosure-rows = Figures in all
disclosure-published = Figures published
disclosure-primary = Suppressed: small counts
disclosure-secondary = Suppressed: to protect others
disclosure-unchanged = Unchanged

# What the reader's own browser checks of a release
own-title = Checked by your browser
own-running = Your browser is checking the proof…
own-all = Your browser has checked everything about this release, and all of it holds.
own-some = What your browser could check holds. { $count ->
    [one] One thing was not checked: see below.
   *[other] { $count } things were not checked: see below.
  }
own-failed = Do not use these figures: { $count ->
    [one] one check was refused.
   *[other] { $count } checks were refused.
  }
own-withdrawn = Use these figures no more: { $how }
own-withdrawn-newer = This node says that another release has replaced it.
own-none = Your browser could not check this release: nothing here is proven to you.
own-no-proof = The node gave no proof of this release: { $reason }
own-code = The program that checks came from this node, like the page. Whoever must not trust the node at all runs chancery verify, or a program of others, on the proof bundle.
own-genesis-label = Forum id that you were told, not by this page
own-genesis-help = 64 digits and letters, from your agency or the secretariat, by telephone or on paper. It stays in this browser.
own-genesis-save = Compare
own-file = Fetch the files ({ $size }) and check them
own-charter = Charter
own-charter-what = Each version of the charter was signed by enough member states of the one before, from the founding on.
own-genesis = Forum
own-genesis-what = The forum is the one whose id you were told.
own-delegations = Keys
own-delegations-what = Each key was delegated by its member’s authority key, and none was revoked or suspended when it signed.
own-record = Signature
own-record-what = The member’s publisher key signed the release.
own-withdrawal = Withdrawal
own-withdrawal-what = The member’s publisher key signed the record by which the member takes the release back.
own-foureyes = Four eyes
own-foureyes-what = Two different operators prepared and approved it.
own-head = Log
own-head-what = The head of the member’s log is signed.
own-inclusion = Place in the log
own-inclusion-what = The release is in the log that this head stands for.
own-cosignatures = Witnesses
own-cosignatures-what = Other states have seen the same log.
own-shown = This page
own-shown-what = What this page says of the release is what was signed.
own-file-name = Files
own-file-what = The files that this node serves are byte for byte the signed ones.
own-outside = From outside the forum
own-outside-what = A national PKI endorsed the member’s key, or a time-stamping authority stamped the release.

compare-run = Compare these figures with the signed files
compare-same = { $count ->
    [one] the one figure shown is in the signed file, and nothing is left out.
   *[other] all { $count } figures shown are in the signed file, and nothing is left out.
  }
compare-differs = shown otherwise than signed: { $what }
compare-refused = the release is refused: { $reason }
compare-withdrawn = Use them no more: { $how }
compare-too-long = the file is too large to compare in a browser: run chancery verify on it.
compare-failed = Do not use these figures: they are not what was signed.

# Above every view
frozen = Membership of this forum is frozen; published figures stay valid:
