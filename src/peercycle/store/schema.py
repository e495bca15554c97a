"""The tables of `run.sqlite`, for people as much as for programs: open the file in Datasette or `sqlite3`.

| table | one row is | key |
|---|---|---|
| `runs` | the run (one row): status, time worked, what was spent; `fence` counts its drivers | `run_id` |
| `records` | a copy of `run.json` (one row), for who reads only the database | `run_id` |
| `events` | a line of the log | `id`, in order of arrival |
| `effects` | a request to the world and what it answered | candidate, stage, visit, kind, request, occurrence |
| `spending` | one attempt at an effect and what it used, or may use | `effect_id`, `attempt` |
| `completions` | one sampled answer of a model | its effect's key and `choice` |
| `candidates` | one version of one candidate | `candidate`, `round` |
| `assessments` | all that was said of one version by the reviewer or the judge | `candidate`, `round`, `role` |
| `reviews` | one review in an assessment | `candidate`, `round`, `role`, `number` |
| `executions` | one run of a program in the sandbox | `candidate`, `id` |
| `measurements` | one number and what produced it | `candidate`, `id` |
| `artifacts` | a stored body under one of its names | `ref`, `name` |
| `questions` | something that a person was asked | `id` |

Views: `spending_by_stage`, `errors` (failures grouped and counted), `scores` (rating and reward by round).

- Times are seconds since the epoch, UTC; beside each column `…at` stands a computed `…at_utc` in words.
- `state` of an effect: `begun`, `settled` (journalled: never repeated), `released` (failed for now;
  `result` is what the service answered, where it did).
- `state` of a spending row: `reserved` (in flight; the figures are the worst case), `settled`, `released`, and
  `lost`: the driver died, or gave up without a word, while it was in flight, so its worst case counts as spent.
- A cost of NULL beside tokens or model calls is an unknown price, not 0.
- A text of more than 8 KB lies in `artifacts/` and leaves its column NULL and its reference in the column
  `…_ref` beside it. `RunReader.rows` gives such columns back whole.
- Columns named `…_json`, `request`, `result`, `state_json` hold JSON.
"""

from __future__ import annotations

SCHEMA_VERSION = 2
"""`PRAGMA user_version` of the databases that this version reads and writes."""


def _utc(column: str) -> str:
    words = f"strftime('%Y-%m-%d %H:%M:%f', {column}, 'unixepoch')"
    return f"{column}_utc TEXT GENERATED ALWAYS AS ({words}) VIRTUAL"


_KEY = """
    candidate TEXT NOT NULL,
    stage TEXT NOT NULL,
    visit INTEGER NOT NULL,
    kind TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    occurrence INTEGER NOT NULL"""

KEY_COLUMNS = "candidate, stage, visit, kind, request_sha256, occurrence"

_USAGE = """
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    model_calls INTEGER NOT NULL,
    sandbox_seconds REAL NOT NULL,
    requests INTEGER NOT NULL,
    cost REAL,
    engine_seconds REAL NOT NULL DEFAULT 0"""

_UNKNOWN_COST = "cost IS NULL AND (model_calls > 0 OR prompt_tokens > 0 OR completion_tokens > 0)"

SCHEMA = f"""
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    created_at REAL NOT NULL,
    {_utc("created_at")},
    status TEXT NOT NULL,
    reason TEXT,
    message TEXT NOT NULL DEFAULT '',
    ended_at REAL,
    {_utc("ended_at")},
    peercycle_version TEXT NOT NULL,
    task TEXT NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    seconds_worked REAL NOT NULL DEFAULT 0,
    tokens_spent INTEGER NOT NULL DEFAULT 0,
    cost_spent REAL NOT NULL DEFAULT 0,
    unknown_costs INTEGER NOT NULL DEFAULT 0,
    model_calls_spent INTEGER NOT NULL DEFAULT 0,
    sandbox_seconds_spent REAL NOT NULL DEFAULT 0
);
CREATE TABLE records (
    run_id TEXT PRIMARY KEY,
    record_json TEXT NOT NULL
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    {_utc("at")},
    kind TEXT NOT NULL,
    candidate TEXT NOT NULL,
    stage TEXT NOT NULL,
    visit INTEGER NOT NULL,
    message TEXT NOT NULL,
    data_json TEXT,
    run_id TEXT NOT NULL
);
CREATE TABLE effects (
    effect_id INTEGER PRIMARY KEY,{_KEY},
    state TEXT NOT NULL CHECK (state IN ('begun', 'settled', 'released')),
    attempts INTEGER NOT NULL,
    request TEXT,
    request_ref TEXT,
    result TEXT,
    result_ref TEXT,
    error_type TEXT,
    error_message TEXT NOT NULL DEFAULT '',
    begun_at REAL NOT NULL,
    {_utc("begun_at")},
    ended_at REAL,
    {_utc("ended_at")},
    UNIQUE ({KEY_COLUMNS})
);
CREATE TABLE spending (
    effect_id INTEGER NOT NULL REFERENCES effects,
    attempt INTEGER NOT NULL,
    candidate TEXT NOT NULL,
    stage TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'released', 'lost')),{_USAGE},
    fence INTEGER NOT NULL,
    PRIMARY KEY (effect_id, attempt)
) WITHOUT ROWID;
CREATE INDEX spending_in_flight ON spending (effect_id) WHERE state = 'reserved';
CREATE TABLE completions ({_KEY},
    choice INTEGER NOT NULL,
    role TEXT NOT NULL,
    accepted INTEGER,
    model TEXT NOT NULL,
    opening TEXT NOT NULL,
    text TEXT,
    text_ref TEXT,
    reasoning TEXT,
    reasoning_ref TEXT,
    finish_reason TEXT,
    request TEXT,
    request_ref TEXT,
    tokens_json TEXT,
    tokens_json_ref TEXT,
    tokenizer_hash TEXT,
    template_hash TEXT,
    weights_revision TEXT,
    PRIMARY KEY ({KEY_COLUMNS}, choice)
);
CREATE TABLE candidates (
    candidate TEXT NOT NULL,
    round INTEGER NOT NULL,
    status TEXT NOT NULL,
    rating REAL,
    reward REAL,
    selected INTEGER NOT NULL,
    manuscript TEXT,
    results TEXT,
    assessment TEXT,
    check_report TEXT,
    error TEXT,
    state_json TEXT,
    state_json_ref TEXT,
    PRIMARY KEY (candidate, round)
);
CREATE TABLE assessments (
    candidate TEXT NOT NULL,
    round INTEGER NOT NULL,
    role TEXT NOT NULL,
    decision TEXT,
    rating REAL,
    ratings INTEGER NOT NULL,
    reviews INTEGER NOT NULL,
    reward REAL,
    reward_json TEXT,
    meta_review TEXT,
    problems_json TEXT,
    machine_made TEXT NOT NULL,
    PRIMARY KEY (candidate, round, role)
);
CREATE TABLE reviews (
    candidate TEXT NOT NULL,
    round INTEGER NOT NULL,
    role TEXT NOT NULL,
    number INTEGER NOT NULL,
    reviewer TEXT NOT NULL,
    rating REAL,
    soundness REAL,
    presentation REAL,
    contribution REAL,
    confidence REAL,
    decision TEXT,
    ethics_flag TEXT,
    summary TEXT NOT NULL,
    review_json TEXT,
    review_json_ref TEXT,
    PRIMARY KEY (candidate, round, role, number)
);
CREATE TABLE executions (
    candidate TEXT NOT NULL,
    id TEXT NOT NULL,
    stage TEXT NOT NULL,
    visit INTEGER NOT NULL,
    experiment TEXT NOT NULL,
    seed INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    status TEXT NOT NULL,
    exit_code INTEGER,
    seconds REAL,
    peak_mb REAL,
    script TEXT NOT NULL,
    results TEXT,
    files_json TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (candidate, id)
);
CREATE TABLE measurements (
    candidate TEXT NOT NULL,
    id TEXT NOT NULL,
    metric TEXT NOT NULL,
    value REAL NOT NULL,
    unit TEXT,
    experiment TEXT NOT NULL,
    arm TEXT,
    seed INTEGER,
    statistic TEXT,
    of_json TEXT,
    execution TEXT,
    artifact TEXT,
    pointer TEXT,
    provenance TEXT NOT NULL,
    PRIMARY KEY (candidate, id)
);
CREATE TABLE artifacts (
    ref TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    created_at REAL NOT NULL,
    {_utc("created_at")},
    PRIMARY KEY (ref, name)
);
CREATE TABLE questions (
    id TEXT PRIMARY KEY,
    question TEXT NOT NULL,
    schema_json TEXT NOT NULL,
    answered INTEGER NOT NULL,
    answer_json TEXT,
    candidate TEXT NOT NULL,
    stage TEXT NOT NULL,
    asked_at REAL NOT NULL,
    {_utc("asked_at")},
    answered_at REAL,
    {_utc("answered_at")}
);
CREATE VIEW spending_by_stage AS
    SELECT stage, kind, COUNT(DISTINCT effect_id) AS effects, COUNT(*) AS attempts,
           SUM(prompt_tokens) AS prompt_tokens, SUM(completion_tokens) AS completion_tokens,
           SUM(model_calls) AS model_calls, SUM(sandbox_seconds) AS sandbox_seconds, SUM(requests) AS requests,
           SUM(engine_seconds) AS engine_seconds,
           CASE WHEN SUM({_UNKNOWN_COST}) > 0 THEN NULL ELSE TOTAL(cost) END AS cost
    FROM spending WHERE state <> 'reserved' GROUP BY stage, kind ORDER BY stage, kind;
CREATE VIEW errors AS
    SELECT COUNT(*) AS times, stage, kind, state, error_type, error_message, MAX(ended_at_utc) AS last_at_utc
    FROM effects WHERE error_type IS NOT NULL OR error_message <> ''
    GROUP BY stage, kind, state, error_type, error_message ORDER BY times DESC, stage, kind;
CREATE VIEW scores AS
    SELECT c.candidate, c.round, c.status, c.selected, c.rating, c.reward,
           judge.rating AS judge_rating, judge.decision AS judge_decision
    FROM candidates c LEFT JOIN assessments judge
        ON judge.candidate = c.candidate AND judge.round = c.round AND judge.role = 'judge'
    ORDER BY c.round, c.candidate;
"""  # noqa: S608 - every piece is a constant of this file

TABLES = (
    "runs",
    "records",
    "events",
    "effects",
    "spending",
    "completions",
    "candidates",
    "assessments",
    "reviews",
    "executions",
    "measurements",
    "artifacts",
    "questions",
)
VIEWS = ("spending_by_stage", "errors", "scores")
