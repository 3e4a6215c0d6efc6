#!/usr/bin/env python3
"""Alerts and dashboards: what promtool says, that each alert can be found out about, and that what they show exists."""

import json
import re
import tempfile
import unittest

from packaging_tools import CHART, HERE, MANIFESTS, REPOSITORY, run, tool

RULES = CHART / "alerts" / "spillway.rules.yaml"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
# Prometheus' own, and labels and functions that a search for names of metrics finds too.
_NAME = re.compile(r"\b(?:spillway|rest_client|leader_election|process|workqueue)_[a-z0-9_]+\b")


def documented() -> set[str]:
    """The metrics of docs/metrics.md, histograms with the series that they have."""
    names = set()
    for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE):
        names |= {name + suffix for suffix in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    return names


def alerts() -> list[dict]:
    import yaml
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


class Alerts(unittest.TestCase):
    def test_promtool_finds_no_fault(self):
        done = run(tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", RULES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_they_fire_when_they_should_and_not_when_it_only_looks_like_it(self):
        done = run(tool("promtool"), "test", "rules", HERE / "alerts.test.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_has_a_test_that_fires_it_and_one_that_does_not(self):
        import yaml
        fires, quiet = set(), set()
        for test in yaml.safe_load((HERE / "alerts.test.yaml").read_text(encoding="utf-8"))["tests"]:
            for rule in test["alert_rule_test"]:
                for expected in rule["exp_alerts"]:
                    fires.add((rule["alertname"], expected["exp_labels"]["severity"]))
                if not rule["exp_alerts"]:
                    self.assertTrue(test["input_series"], f"{test['name']}: says nothing")
                    quiet.add(rule["alertname"])
        self.assertEqual(fires, {(a["alert"], a["labels"]["severity"]) for a in alerts()})
        self.assertEqual(quiet, {a["alert"] for a in alerts()})

    def test_each_says_what_it_is_and_has_a_runbook(self):
        for alert in alerts():
            with self.subTest(alert=alert["alert"]):
                self.assertEqual(set(alert["annotations"]), {"summary", "description"})
                self.assertRegex(alert["labels"]["severity"], "^(critical|warning|info)$")
                page = RUNBOOKS / f"{alert['alert'].lower()}.md"
                self.assertIn(f"# {alert['alert']}\n", page.read_text(encoding="utf-8"))
        pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
        self.assertEqual(pages, {a["alert"].lower() for a in alerts()}, "a runbook of no alert")

    def test_what_they_look_at_is_documented(self):
        for alert in alerts():
            self.assertLessEqual(set(_NAME.findall(alert["expr"])), documented(), alert["alert"])


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.dashboards = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((CHART / "dashboards").glob("*.json"))}

    def panels(self):
        for name, dashboard in self.dashboards.items():
            for panel in dashboard["panels"]:
                if panel["type"] != "row":
                    yield f"{name}: {panel['title']}", panel

    def test_there_are_four_with_names_that_stay(self):
        self.assertEqual({d["uid"] for d in self.dashboards.values()},
                         {"spillway-overview", "spillway-decisions", "spillway-virtual-nodes", "spillway-internals"})

    def test_they_keep_the_conventions(self):
        for name, dashboard in self.dashboards.items():
            with self.subTest(dashboard=name):
                variables = [v["name"] for v in dashboard["templating"]["list"]]
                self.assertEqual(variables[:3], ["datasource", "namespace", "job"])
                self.assertFalse(dashboard["editable"])
                self.assertEqual((dashboard["timezone"], dashboard["tags"]), ("utc", ["spillway"]))
        titles = [title for title, _ in self.panels()]
        self.assertEqual(len(titles), len(set(titles)))

    def test_every_panel_says_what_it_shows_in_which_unit(self):
        for title, panel in self.panels():
            with self.subTest(panel=title):
                self.assertGreater(len(panel["description"]), 3)
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                self.assertTrue(panel["targets"])
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"]["uid"], "${datasource}")
                    self.assertIn('job=~"$job"', target["expr"])
                    self.assertNotRegex(target["expr"], r"(rate|increase)\([^)]*\[(?!\$__(rate_interval|range)\])")

    def test_panels_do_not_overlap(self):
        for name, dashboard in self.dashboards.items():
            taken = set()
            for panel in dashboard["panels"]:
                p = panel["gridPos"]
                cells = {(x, y) for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])}
                self.assertFalse(cells & taken, f"{name}: {panel['title']}")
                self.assertLessEqual(p["x"] + p["w"], 24)
                taken |= cells

    def test_what_they_show_is_documented_and_all_that_is_documented_is_shown_or_alerted_on(self):
        used = {name for alert in alerts() for name in _NAME.findall(alert["expr"])}
        for title, panel in self.panels():
            for target in panel["targets"]:
                names = set(_NAME.findall(target["expr"]))
                self.assertLessEqual(names, documented(), title)
                used |= names
        # A histogram is used if its buckets are.
        idle = {name for name in documented() - used if not name.endswith(("_sum", "_count"))}
        self.assertEqual(idle, set())

    def test_every_expression_parses(self):
        rules = []
        for number, (title, panel) in enumerate(self.panels()):
            for target in panel["targets"]:
                expr = target["expr"].replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$namespace", ".*").replace("$job", ".*")
                rules.append({"record": f"panel:number_{number}:{target['refId'].lower()}", "expr": expr})
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
            file.flush()
            done = run(tool("promtool"), "check", "rules", "--lint=none", file.name)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"{len(rules)} rules found", done.stdout)


class Documentation(unittest.TestCase):
    def test_runbooks_link_to_pages_that_exist(self):
        for page in RUNBOOKS.glob("*.md"):
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
