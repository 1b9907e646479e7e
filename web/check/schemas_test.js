// Texts that a model wrote under a schema's constraint, validated by ajv, which shares nothing with
// the grammar that constrained them. HADAL_CONSTRAINED: the program of tests/constrained_test.cc.
import assert from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import Ajv from "ajv/dist/2020.js";

const LEAST = 200; // texts; fewer would mean that the program has not done its work

test("what the model writes fits its schema", () => {
  const folder = mkdtempSync(join(tmpdir(), "hadal-schemas-"));
  try {
    const out = join(folder, "texts.jsonl");
    const run = spawnSync(process.env.HADAL_CONSTRAINED, ["--gtest_filter=Constrained*"], {
      env: { ...process.env, HADAL_CONSTRAINED_OUT: out },
      encoding: "utf8",
    });
    assert.equal(run.status, 0, run.stdout + run.stderr);
    const lines = readFileSync(out, "utf8").split("\n").filter(Boolean);
    assert.ok(lines.length >= LEAST, `found ${lines.length} texts, expected at least ${LEAST}`);
    const ajv = new Ajv({ strict: false, allErrors: true });
    for (const line of lines) {
      const { schema, value } = JSON.parse(line);
      const valid = ajv.validate(schema, value);
      assert.ok(valid, `${line}: ${ajv.errorsText(ajv.errors)}`);
    }
    assert.ok(!ajv.validate({ type: "integer", minimum: 3 }, 2)); // it does refuse
    console.log(`${lines.length} texts`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
