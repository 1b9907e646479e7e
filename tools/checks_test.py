#!/usr/bin/env python3
"""Tries each check of tools/ on deliberate violations: a check that cannot fail checks nothing."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent


class CheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run_tool(self, name, *arguments):
        command = [str(TOOLS / name), *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout + ran.stderr


class Layers(CheckTest):
    def expect(self, path, text, says):
        file = self.write(path, text)
        code, output = self.run_tool("check_layers.py", self.root)
        file.unlink()
        if says is None:
            self.assertEqual((code, output), (0, "check_layers: clean\n"), path)
        else:
            self.assertEqual(code, 1, f"{path} {text}")
            self.assertIn(says, output)

    def test_allowed(self):
        self.expect(
            "src/io/a.cc", '#include "io/a.h"\n#include "tensor/b.h"\n#include <vector>\n', None
        )
        self.expect(
            "src/io/a_test.cc", '#include "testing/close.h"\n#include <gtest/gtest.h>\n', None
        )
        header = '#pragma once\n#include "testing/close.h"\n#include <gtest/gtest.h>\n'
        self.expect("src/io/a_test.h", header, None)
        self.expect("src/base/json.cc", "#include <nlohmann/json.hpp>\n", None)
        self.expect("src/train/a.cc", "#include <torch/torch.h>\n", None)
        self.expect(
            "tests/a_test.cc", '#include "cli/commands.h"\n#include "testing/close.h"\n', None
        )
        self.expect("src/base/a.cc", "int a;\n" * 800, None)
        self.write("tests/helper/b.h", "#pragma once\n")
        self.expect("tests/a_test.cc", '#include "helper/b.h"\n', None)

    def test_an_operation_has_its_definition(self):
        self.write("src/kernels/a.cc", "int a;\n")
        header = "#pragma once\nvoid A();\n"
        self.expect(
            "src/kernels/a.h", header, "src/kernels/a.h: an operation without its definition"
        )
        self.expect("src/kernels/a.h", header + "namespace ref {\nvoid A();\n}\n", None)
        self.expect("src/kernels/only_a_header.h", header, None)

    def test_picture(self):
        old = "a\n```mermaid\ngraph LR\n  io --> base\n```\nb\n"
        page = self.write("docs/architecture.md", old)
        code, output = self.run_tool("check_layers.py", self.root)
        self.assertEqual(code, 1)
        self.assertIn("its picture of the layers", output)
        self.assertEqual(self.run_tool("check_layers.py", self.root, "--draw")[0], 0)
        text = page.read_text()
        self.assertTrue(text.startswith("a\n```mermaid\n") and text.endswith("```\nb\n"), text)
        self.assertIn("  base --> tensor\n", text)
        self.assertNotIn("  base --> io\n", text)  # base --> tensor --> io says it

    def test_tables(self):
        self.assertEqual(self.run_tool("check_layers.py", self.root)[0], 0)  # without a table
        contributing = (TOOLS.parent / "CONTRIBUTING.md").read_text()
        for old, new in (
            ("| base tensor io arch |", "| base tensor io |"),
            ("| all but train |", "| all but train text |"),
            ("| `src/tensor` |", "| `src/tensors` |"),
        ):
            self.assertIn(old, contributing)
            page = self.write("CONTRIBUTING.md", contributing.replace(old, new, 1))
            code, output = self.run_tool("check_layers.py", self.root)
            self.assertEqual(code, 1, new)
            self.assertEqual(output.count("CONTRIBUTING.md: its table has not that"), 1, output)
            page.unlink()

    def test_violations(self):
        self.expect("src/base/a.cc", '#include "tensor/b.h"\n', "src/base/a.cc:1: ")
        says = "model may include arch base io kernels"
        self.expect("src/model/a.h", '#pragma once\n#include "text/b.h"\n', says)
        self.expect("src/cli/a.cc", '#include "train/b.h"\n', "cli may include")
        self.expect("src/io/a.cc", '#include "testing/close.h"\n', "for tests only")
        self.expect("src/io/a.cc", '#include "a.h"\n', "not a path from src/")
        self.expect("src/io/a.cc", '#include "../base/a.h"\n', "not a path from src/")
        self.expect("tests/a_test.cc", '#include "helper/gone.h"\n', "not a path from src/")
        self.expect("src/model/a.cc", "#include <torch/torch.h>\n", "src/train/")
        self.expect("src/base/other.cc", "#include <nlohmann/json.hpp>\n", "json")
        self.expect("src/io/a.cc", "#include <CLI/CLI.hpp>\n", "src/cli/")
        self.expect("src/io/a.cc", "#  include <pcre2.h>\n", "src/text/")
        self.expect("src/io/a.cc", "#include <toml++/toml.h>\n", "src/train/")
        self.expect("src/io/a.cc", "#include <gtest/gtest.h>\n", "gtest")
        self.expect("src/a.cc", "\n", "the root of src/ holds no code")
        self.expect("src/misc/a.cc", "\n", "'misc' is no layer")
        self.expect("src/base/a.h", "int a;\n", "#pragma once")
        self.expect("src/base/a.cc", "int a;\n" * 801, "801 lines")
        self.expect("fuzz/a.cc", '#include "train/b.h"\n', "train/ is for its own program")
        self.expect(
            "src/text/CMakeLists.txt", "hadal_layer(text NEEDS base model LIBS x)\n", "NEEDS model"
        )


class IsaSymbols(CheckTest):
    def expect(self, body, says, name="a_avx2.cc"):
        source = self.write(name, body)
        subprocess.run(
            ["g++", "-std=c++20", "-O0", "-c", source, "-o", self.root / (name + ".o")], check=True
        )
        code, output = self.run_tool("check_isa_symbols.sh", self.root, self.root)
        self.assertEqual(code, 1 if says else 0, output)
        self.assertIn(says or "clean", output)

    def test_own_namespace(self):
        self.expect(
            "namespace hadal::kernels::avx2 {\n"
            "struct S { virtual int F() const; };\n"
            "int S::F() const { static int n = 0; return ++n; }\n"
            "template <class T> T Twice(T x) { return x + x; }\n"
            "float G(float x) { return Twice(x); }\n"
            "}\nnamespace { int Local() { return 1; } }\n"
            "namespace hadal::kernels::avx2 { int H() { return Local(); } }\n",
            None,
        )

    def test_shared_inline_function(self):
        self.expect(
            "inline float Shared(float x) { return x; }\n"
            "namespace hadal::kernels::avx2 { float G(float x) { return Shared(x); } }\n",
            "a_avx2.cc.o: W Shared(float)",
        )

    def test_other_namespace(self):
        self.expect("namespace hadal::kernels::avx512 { int G() { return 1; } }\n", "avx512::G()")

    def test_the_file_names_the_namespace(self):
        self.expect(
            "namespace hadal::kernels::avxvnni { int G() { return 1; } }\n", None, "a_avxvnni.cc"
        )
        other = "namespace hadal::kernels::avx2 { int G() { return 1; } }\n"
        self.expect(other, "avx2::G()", "a_avxvnni.cc")

    def test_standard_library(self):
        self.expect(
            "#include <algorithm>\n"
            "namespace hadal::kernels::avx2 { int G(int a) { return std::max(a, 1); } }\n",
            "std::max",
        )

    def test_static_initialiser(self):
        self.expect(
            "int Outside();\nnamespace hadal::kernels::avx2 { int g = Outside(); }\n",
            "static-initialiser",
        )

    def test_missing_objects(self):
        self.write("a_avx512.cc", "")
        code, output = self.run_tool("check_isa_symbols.sh", self.root, self.root)
        self.assertEqual(code, 1)
        self.assertIn("build it first", output)


class Instructions(CheckTest):
    TABLE = (
        '{Arithmetic::kF32Fma, "fp32_fma", "vfmadd", "vfmadd", "vfmadd", "fmla", "fmla"},\n'
        '{Arithmetic::kInt16Dot, "int16_dot", "vpmaddwd", "vpdpwssd", "vpdpwssd", "smull", '
        '"smmla"},\n'
        '{Arithmetic::kInt8Dot, "int8_dot", "vpmaddubsw", "vpdpbusd", "vpdpbusd", "sdot", '
        '"smmla"},\n'
    )
    CODE = {
        "matmul_avx2": "vfmadd231ps",
        "matmul_avx512": "vfmadd231ps",
        "attention_avx2": "vfmadd231ps",
        "attention_avx512": "vfmadd231ps",
        "quantized_matmul_avx2": "vpmaddwd vpmaddubsw",
        "quantized_matmul_avxvnni": "vpdpwssd vpdpbusd",
        "quantized_matmul_avx512": "vpdpwssd vpdpbusd",
        "packed_index_scores_avx2": "vpmaddubsw",
        "packed_index_scores_avxvnni": "vpdpbusd",
        "packed_index_scores_avx512": "vpdpbusd",
    }

    def check(self, **changes):
        self.write("src/kernels/products.cc", self.TABLE)
        objects = []
        for name, instructions in (self.CODE | changes).items():
            lines = (f"{code} %ymm0, %ymm1, %ymm2\n" for code in instructions.split())
            source = self.write(f"{name}.s", "".join(lines))
            objects.append(self.root / f"{name}.cc.o")
            subprocess.run(["as", source, "-o", objects[-1]], check=True)
        library = self.root / "lib.a"
        library.unlink(missing_ok=True)
        subprocess.run(["ar", "rc", library, *objects], check=True)
        return self.run_tool("check_instructions.py", library, self.root / "src")

    def test_both_ways(self):
        self.assertEqual(self.check(), (0, "check_instructions: clean\n"))
        code, output = self.check(quantized_matmul_avx512="vpdpwssd vpmaddubsw")
        self.assertEqual(code, 1)
        self.assertIn("quantized_matmul_avx512: has no vpdpbusd", output)
        code, output = self.check(packed_index_scores_avx2="vpmaddubsw vpdpbusd")
        self.assertEqual(code, 1)
        self.assertIn("packed_index_scores_avx2: has vpdpbusd, of another", output)

    def test_missing_kernels(self):
        self.CODE = {"matmul_avx2": "vfmadd231ps"}
        code, output = self.check()
        self.assertEqual(code, 2)
        self.assertIn("quantized_matmul_avx512", output)


class Counts(CheckTest):
    def count(self, dots):
        code = f"_Z9AddOneFp8v: nop\n1: {dots} dec %rax\n test %rax, %rax\n jz 2f\n"
        code += "vpaddd (%rax), %zmm0, %zmm0\n 2: cmp %rax, %rbx\n jne 1b\n ret\n"
        source = self.write("a.s", code)
        compiled, library = self.root / "quantized_matmul_avx512.cc.o", self.root / "lib.a"
        subprocess.run(["as", source, "-o", compiled], check=True)
        subprocess.run(["ar", "rc", library, compiled], check=True)
        return self.run_tool("count_instructions.py", library)

    def test_the_shortest_way_round_a_loop(self):
        code, output = self.count("vpdpwssd 64(%rax), %zmm2, %zmm0\n" * 4)
        self.assertRegex(output, r"avx512 +FP8 +one +9\.0 +4\.0 +4\.0 +Zen 4: +4\.0 cycles")
        self.assertEqual(code, 1)  # of the others there is none
        self.assertIn("avx512: FP4, one: no loop", output)

    def test_a_loop_with_other_products(self):
        code, output = self.count("vpdpwssd %zmm1, %zmm2, %zmm0\n" * 3)
        self.assertEqual(code, 1)
        self.assertIn("avx512: FP8, one: no loop", output)


class Format(CheckTest):
    def test_both_ways(self):
        (self.root / ".clang-format").write_bytes((TOOLS.parent / ".clang-format").read_bytes())
        good = self.write("good.cc", "int F(int a) { return a; }\n")
        bad = self.write("bad.cc", "int F( int a ){return a;}\n")
        self.assertEqual(self.run_tool("check_format.sh", good)[0], 0)
        self.assertEqual(self.run_tool("check_format.sh", bad)[0], 1)
        self.assertEqual(self.run_tool("check_format.sh", "--fix", bad)[0], 0)
        self.assertEqual(bad.read_text(), good.read_text())


class Docs(CheckTest):
    def expect(self, text, says, *arguments):
        self.write("docs/page.md", text)
        code, output = self.run_tool("check_docs.py", self.root, *arguments)
        self.assertEqual(code, 1 if says else 0, f"{text}: {output}")
        self.assertIn(says or "clean", output)

    def setUp(self):
        super().setUp()
        self.write("src/io/file.h", "")
        self.write("tools/a_check.py", "")
        self.write("Makefile", "build: x  ## b\n")
        self.program = self.write(
            "program",
            '#!/bin/sh\ncase "$1 $2" in "run "*) echo "  --prompt TEXT" ;;\n'
            '"plan x") printf "a\\nb\\nc\\n" ;;\n'
            '*) printf "  run  text\\n  plan  text\\n" ;; esac\n',
        )
        self.program.chmod(0o755)

    def test_allowed(self):
        self.expect(
            "# A b\n[x](../src/io/file.h) [y](#a-b) [z](https://x.org/y) `io/file.h`\n", None
        )
        self.expect("`src/io/*.h` `tools/{a,}*.py` `src/X/Y_avx2.cc` `src/io/NAME_test.cc`\n", None)
        self.expect("`and/or` `make build`\n", None)
        self.expect("```\nhadal run --prompt x\nmake build\n```\n", None, "--program", self.program)

    def test_shown_output(self):
        def shows(lines, says):
            self.expect(f"```\n$ hadal plan x\n{lines}```\n", says, "--program", self.program)

        shows("a\nb\nc\n", None)
        shows("a\n...\n", None)
        shows("...\nc\n", None)
        shows("a\nB\nc\n", "docs/page.md:1: shows 'B'")
        shows("a\nb\n", "leaves out 'c'")
        shows("...\nb\n", "leaves out 'c'")
        shows("...\nd\n", "shows 'd'")
        begin = "```\n$ hadal plan x\n"
        page = self.write("docs/page.md", f"{begin}old\n...\n```\n{begin}a\n```\n")
        fix = ["check_docs.py", self.root, "--program", self.program, "--fix"]
        self.assertEqual(self.run_tool(*fix)[0], 0)
        self.assertEqual(page.read_text(), f"{begin}a\n...\n```\n{begin}a\nb\nc\n```\n")
        self.expect(
            "```\n$ hadal plan \\\n  x\na\n```\n", "leaves out 'b'", "--program", self.program
        )

    def test_violations(self):
        self.expect("[x](gone.md)\n", "docs/page.md:1: links to gone.md")
        self.expect("[x](#nothing)\n", "no such heading")
        self.expect("`src/io/gone.h`\n", "names src/io/gone.h")
        self.expect("`io/gone.h`\n", "names io/gone.h")
        self.expect("`tools/{a,b}_check.py`\n", "names tools/b_check.py")
        self.expect("`src/io/*.cc`\n", "names src/io/*.cc")
        self.expect("`make gone`\n", "make gone")
        self.expect("`hadal fly`\n", "hadal fly", "--program", self.program)
        self.expect("`hadal run --wings`\n", "--wings", "--program", self.program)


class Lines(CheckTest):
    def test_length(self):
        self.write("src/io/a.cc", f"int a;  // {'x' * 89}\n")
        self.assertEqual(self.run_tool("check_lines.py", self.root), (0, "check_lines: clean\n"))
        self.write("src/io/a.cc", f"int a;\nint {'x' * 97};\n")
        code, output = self.run_tool("check_lines.py", self.root)
        self.assertEqual(code, 1)
        self.assertIn("src/io/a.cc:2: 102 columns", output)

    def test_fix(self):
        words = " ".join(["words"] * 20)
        file = self.write("a.h", f"// {words}\n// end.\n//\nint a = 1;  // {words}\n")
        self.assertEqual(self.run_tool("check_lines.py", self.root, "--fix")[0], 0)
        begin = " ".join(["words"] * 16)
        self.assertEqual(
            file.read_text(),
            f"// {begin}\n// words words words words end.\n//\n"
            f"// {begin}\n// words words words words\nint a = 1;\n",
        )

    def test_fix_leaves_what_is_drawn(self):
        rest = " ".join(["words"] * 20)
        drawn = f"//   name   {rest}\n//   other  words\n// a = b   {rest}\n//  {rest}\n// words\n"
        file = self.write("a.h", drawn)
        code, output = self.run_tool("check_lines.py", self.root, "--fix")
        self.assertEqual((code, file.read_text()), (1, drawn))
        self.assertIn("3 line(s) too long", output)
        file.write_text(f"// {rest}\n// Source: words.\n// - {rest}\n// words.\n")
        self.assertEqual(self.run_tool("check_lines.py", self.root, "--fix")[0], 0)
        self.assertIn("words\n// Source: words.\n// - words", file.read_text())
        self.assertIn("\n//   words words words words\n// words.\n", file.read_text())

    def test_every_file_of_code(self):
        for name in ("Makefile", ".ci/run", "a.toml", "a.html", "a.css", "CMakeLists.txt"):
            file = self.write(name, f"#!/bin/sh\n{'x' * 101}\n")
            code, output = self.run_tool("check_lines.py", self.root)
            self.assertEqual(code, 1, name)
            self.assertIn(f"{name}:2: 101 columns", output)
            file.unlink()


class RunTests(CheckTest):
    def run_tests(self, reason, *arguments):
        """A build of one passing and one skipped test, with ctest alone."""
        print_reason = f"a.cc:1: Skipped\\n{reason}\\n\\n[  SKIPPED ] A.B (0 ms)"
        self.write("skip.sh", f"printf '{print_reason}\\n'\n")
        self.write(
            "CTestTestfile.cmake",
            f'add_test(A.B sh "{self.root}/skip.sh")\n'
            'set_tests_properties(A.B PROPERTIES SKIP_REGULAR_EXPRESSION "SKIPPED")\n'
            "add_test(A.C true)\n",
        )
        self.write("left_out.txt", "the trainer: OFF\n")
        return self.run_tool("run_tests.py", self.root, *arguments)

    def test_says_what_was_skipped(self):
        code, output = self.run_tests("no shared data", "-j2")
        self.assertEqual(code, 0, output)
        self.assertIn("  1 test(s): no shared data\n      A.B\n", output)
        self.assertIn("  not built: the trainer: OFF\n", output)
        self.assertTrue(output.splitlines()[-1].startswith("100% tests passed"), output)

    def test_needs_shared_data(self):
        self.assertEqual(self.run_tests("no shared data", "--need-shared")[0], 1)
        self.assertEqual(self.run_tests("the processor is old", "--need-shared")[0], 0)


class Tidy(CheckTest):
    def test_out_of_time_is_a_failure(self):
        database = [{"directory": str(TOOLS), "file": str(TOOLS.parent / "src/base/units.cc"),
                     "command": "/usr/bin/env A=b ccache c++ -o x.o -c x.cc"}]
        self.write("compile_commands.json", json.dumps(database))
        code, output = self.run_tool("check_tidy.py", self.root, "--seconds", "-1")
        self.assertEqual(code, 1)
        self.assertIn("OUT OF TIME, not checked: src/base/units.cc", output)

    def test_needs_a_configured_build(self):
        code, output = self.run_tool("check_tidy.py", self.root)
        self.assertEqual(code, 1)
        self.assertIn("configure the build first", output)


class ColdRun(CheckTest):
    def run_in(self, recipe, *arguments):
        self.write("Makefile", f"run:\n\t@{recipe}\n")
        git = ["git", "-C", str(self.root), "-c", "user.name=a", "-c", "user.email=a@b"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "a"]):
            subprocess.run(git + command, check=True)
        return self.run_tool("check_cold_run.py", self.root, *arguments)

    def test_fails_beyond_its_limit(self):
        work = "python3 -c 'sum(range(10**7))'"
        self.assertEqual(self.run_in(work, "--seconds", "600")[0], 0)
        code, output = self.run_in(f"{work} # again", "--seconds", "0.01")
        self.assertEqual(code, 1)
        self.assertIn("at most 0; ", output)
        self.assertIn("too slow", output)

    def test_fails_with_the_build(self):
        self.assertIn("`make run` failed", self.run_in("false")[1])

    def test_without_the_compiler_cache(self):
        self.assertEqual(self.run_in('test "$$CCACHE_DISABLE" = 1')[0], 0)


class Budget(CheckTest):
    def test_ci_ends_beyond_its_time(self):
        command = [str(TOOLS.parent / ".ci" / "run")]
        environment = dict(os.environ, CI_SECONDS="0")
        ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        self.assertEqual(ran.returncode, 1)
        # A second may just have ended.
        self.assertRegex(ran.stdout, r"ci: OUT OF TIME before 'install': \d+ of 0 seconds\n")
        self.assertTrue(ran.stdout.endswith("ci: FAILED in step 'install'\n"), ran.stdout)


class InstallDeps(CheckTest):
    def test_unknown_group(self):
        code, output = self.run_tool("install_deps.sh", "engines")
        self.assertEqual(code, 1)
        self.assertIn("unknown group 'engines'", output)


class Evidence(CheckTest):
    KEY = "group,variant,peak,seed,"
    RUNS = KEY + "chosen,parameters,tokens,heldout_nats,heldout_bits,diverged_at\n"
    CURVES = KEY + "step,tokens,loss,heldout_nats\n"

    def make(self):
        """Two variants, one that diverged with its higher peak; two seeds."""
        runs, curves, speed = self.RUNS, self.CURVES, self.KEY + "processor_seconds\n"
        for variant, last in (("muon-8-2", 2.0), ("adamw", 2.5)):
            runs += f",{variant},0.03,1,0,100,800,,,5\n"
            for seed in (1, 2):
                loss = last + 0.1 * (seed - 1)
                runs += f",{variant},0.01,{seed},1,100,800,{loss},{loss / 2},\n"
                key = f",{variant},0.01,{seed},"
                curves += f"{key}4,400,5,4\n{key}8,800,3,{loss}\n"
                speed += f"{key}0.5\n"
        for name, text in (("runs", runs), ("curves", curves), ("speed", speed),
                           ("probes", self.KEY + "step,name,value\n")):
            self.write(f"experiments/optimizer/results/{name}.csv", text)
        self.page = self.write("docs/evidence.md",
                               "# E\n<!-- evidence optimizer -->\n<!-- end -->\nafter\n")

    def draw(self, *flags):
        return self.run_tool("evidence.py", "--results", self.root / "experiments", "--docs",
                             self.root / "docs", *flags)

    def test_tables_and_figures_come_from_the_csvs(self):
        self.make()
        self.assertEqual(self.draw("--check")[0], 1, "nothing is drawn yet")
        self.assertEqual(self.draw()[0], 0)
        text = self.page.read_text()
        self.assertIn("| muon-8-2 | 100 | 0.01 (edge) | 2.050 (2.000 to 2.100) |  "
                      "| 1.025 (1.000 to 1.050) | 1 of 3 |", text)
        self.assertIn("| 2.550 (2.500 to 2.600) | +0.500 (+0.500 to +0.500) |", text)
        # AdamW's 2.5 and 2.6 lie at 1.5 / 2 and 1.4 / 1.9 of the way from 400 to 800.
        self.assertIn(f"| {400 + 400 * (1.5 / 2 + 1.4 / 1.9) / 2:,.0f} (695 to 700) | 0.50 |", text)
        self.assertIn("| 800 (800 to 800) | 0.50 |", text)  # AdamW's own
        self.assertIn("![Held-out loss over tokens](evidence/optimizer-tokens.svg)", text)
        self.assertTrue(text.endswith("<!-- end -->\nafter\n"))
        svg = (self.root / "docs/evidence/optimizer-tokens.svg").read_text()
        self.assertEqual(svg.count("<polygon"), 2, "a band each")
        self.assertNotIn("nan", svg)
        self.assertEqual(self.draw("--check"), (0, ""))

    def test_a_run_that_ends_above_its_best_diverged(self):
        self.make()
        path = self.root / "experiments/optimizer/results/curves.csv"
        path.write_text(path.read_text().replace(",muon-8-2,0.01,2,4,400,5,4\n",
                                                 ",muon-8-2,0.01,2,4,400,5,1.95\n"))
        self.draw()
        text = self.page.read_text()
        self.assertIn("| 1.025 (1.000 to 1.050) | 2 of 3 |", text)
        self.assertIn("| 1.275 (1.250 to 1.300) | 1 of 3 |", text)

    def test_a_variant_that_was_never_evaluated_has_no_curve(self):
        self.make()
        path = self.root / "experiments/optimizer/results/curves.csv"
        path.write_text("".join(line for line in path.read_text().splitlines(True)
                                if not line.startswith(",muon-8-2,")))
        code, output = self.draw()
        self.assertEqual(code, 0, output)

    def test_a_document_that_was_changed_by_hand_is_found(self):
        self.make()
        self.draw()
        self.page.write_text(self.page.read_text().replace("2.050", "1.050"))
        code, output = self.draw("--check")
        self.assertEqual(code, 1)
        self.assertIn("docs/evidence.md: is not what the CSVs give", output)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
