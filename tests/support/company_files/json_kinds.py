"""Every kind of company file in JSON."""

from __future__ import annotations

import json

from support.company_files.kinds import FEATURES, document, record

from steps.dataset.columns import RATIOS, TARGET

FIRST = next(iter(FEATURES))
TWICE = json.dumps(record())[:-1] + f', "{FIRST}": 7}}'
BLANK = json.dumps(record())[:-1] + f', " {FIRST}": 7}}'
NUMBERS = list(record().values())
JSON_KINDS = [
    document({"data": NUMBERS}, "one company by position"),
    document({"features": record()}, "one company by name"),
    document({"instances": [NUMBERS, record(1)]}, "many companies"),
    document([NUMBERS, record(1), {"features": record(2)}], "a list of companies"),
    document(
        [record(names=(TARGET, *(f" {name}" for name in RATIOS)))],
        "records as pandas writes them",
        post="is unknown",
    ),
    document(
        NUMBERS, "a list of numbers", "contains a list of single values", post="is a list of single values"
    ),
    document(record(), "the features at the top level", "put them under 'features'", post="put them under"),
    document(
        f"[{TWICE}]",
        "a name twice in a company",
        bad={0: f"'{FIRST}' is given more than once"},
        post="is given more than once",
    ),
    document(
        f"[{BLANK}]",
        "a name with and without a space",
        bad={0: f"'{FIRST}' is given more than once"},
        post="is unknown",
    ),
    document(
        '{"instances": [[1]], "instances": [[2]]}',
        "instances twice",
        "'instances' is given more than once",
        post="is given more than once",
    ),
    document(
        {"data": NUMBERS, "instances": [NUMBERS]},
        "two forms at once",
        "it has 'data' and 'instances'",
        post='it has "data" and "instances"',
    ),
    document(
        {"columns": list(FEATURES), "data": [NUMBERS]},
        "pandas' orient='split'",
        "orient='split'",
        post="is unknown",
    ),
    document(
        {name: {"0": 1} for name in FEATURES},
        "pandas' orient='columns'",
        "orient='columns'",
        post="put them under",
    ),
    document(
        {"schema": {}, "data": [record()]}, "pandas' orient='table'", "orient='table'", post="is unknown"
    ),
    document(
        [record() | {FIRST: True}],
        "true",
        bad={0: "must be a number, not true or false"},
        post="must be a number, not true or false",
    ),
    document(
        [record() | {FIRST: "0.5"}],
        "a number as text",
        bad={0: "must be a number, not a string"},
        post="must be a number, not a string",
    ),
    document(
        [record() | {FIRST: 1e200}],
        "a number beyond ±1e150",
        bad={0: "must be finite and within ±1e+150"},
        post="must be finite and within ±1e+150",
    ),
    document(
        json.dumps([record()]).replace("0.0001", "NaN", 1),
        "NaN",
        bad={0: "must be finite"},
        post="must be finite",
    ),
    document('{"instances": [', "JSON that is cut off", "is not JSON", post="is not JSON"),
    document(
        "\n".join(map(json.dumps, [{"id": "A", **record()}, record(1)])),
        "records, one on each line",
        file="companies.jsonl",
    ),
    document(
        f"{json.dumps(record())}\n{BLANK}\n",
        "a line with a name with and without a space",
        bad={2: f"'{FIRST}' is given more than once"},
        file="companies.jsonl",
    ),
    document(
        f"{json.dumps(record())}\n{{\n{json.dumps(record(2))}",
        "a line that is not JSON",
        bad={2: "is not JSON"},
        file="companies.jsonl",
    ),
]
