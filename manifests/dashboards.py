"""The Grafana dashboards, as Python: manifests/generate writes them to the chart as JSON.

Conventions: a variable for the data source first, then namespace, job; every panel says in its description what to make of it; rates
over $__rate_interval; UTC; not editable, since the source is here. What a panel shows is a metric of docs/metrics.md.
"""

TAGS = ["spillway"]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Filters of every query. Where Prometheus adds no namespace, "All" (.*) matches that too.
OURS = 'namespace=~"$namespace", job=~"$job"'
COLUMNS = 24


def query(expr: str, legend: str = "__auto", **more) -> dict:
    return {"datasource": DATASOURCE, "editorMode": "code", "expr": expr, "legendFormat": legend, "range": True, **more}


def those_above_zero(expr: str, *labels: str) -> str:
    """Of dozens of series the few that are not zero, so that their legend can be read; one line at 0, named none, where there are none."""
    none = "vector(0)"
    for label in labels:
        none = f'label_replace({none}, "{label}", "none", "", "")'
    return f"({expr}) > 0 or on () {none}"


def table_query(expr: str) -> dict:
    return query(expr, format="table", instant=True, range=False)


def panel(kind: str, title: str, description: str, unit: str, *queries, width: int = 8, height: int = 7, **more) -> dict:
    defaults = {"unit": unit, "color": {"mode": "palette-classic"}, **more.pop("defaults", {})}
    targets = [{**target, "refId": chr(ord("A") + index)} for index, target in enumerate(queries)]
    return {"type": kind, "title": title, "description": description, "datasource": DATASOURCE, "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": []}, "gridPos": {"w": width, "h": height}, **more}


def lines(title: str, description: str, unit: str, *queries, stacked: bool = False, **more) -> dict:
    custom = {"fillOpacity": 25 if stacked else 8, "stacking": {"mode": "normal" if stacked else "none"}, "showPoints": "never"}
    return panel("timeseries", title, description, unit, *queries, defaults={"custom": custom, "min": 0},
                 options={"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}, **more)


def number(title: str, description: str, unit: str, *queries, steps=(("green", None),), **more) -> dict:
    thresholds = {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}
    return panel("stat", title, description, unit, *queries, width=more.pop("width", 4), height=4,
                 defaults={"thresholds": thresholds, "color": {"mode": "thresholds"}},
                 options={"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}, **more)


def heat(title: str, description: str, metric: str, **more) -> dict:
    target = query(f"sum by (le) (rate({metric}_bucket{{{OURS}}}[$__rate_interval]))", "{{le}}", format="heatmap")
    return panel("heatmap", title, description, "s", target,
                 options={"yAxis": {"unit": "s"}, "color": {"scheme": "Blues", "mode": "scheme"}, "cellGap": 1}, **more)


def quantiles(metric: str, by: str = "") -> list[dict]:
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return [query(f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{OURS}}}[$__rate_interval])))",
                  f"p{int(q * 100)}{legend}") for q in (0.5, 0.9, 0.99)]


def row(title: str) -> dict:
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": COLUMNS, "h": 1}}


def variable(name: str, label: str) -> dict:
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE, "refresh": 2, "sort": 1, "multi": True,
            "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
            "definition": f"label_values(spillway_build_info, {name})",
            "query": {"query": f"label_values(spillway_build_info, {name})", "refId": "variable"}}


def laid_out(panels: list[dict]) -> list[dict]:
    """From left to right, then down; ids in that order."""
    x = y = tallest = 0
    for index, each in enumerate(panels):
        position = each["gridPos"]
        if x + position["w"] > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        position.update(x=x, y=y)
        x, tallest = x + position["w"], max(tallest, position["h"])
        each["id"] = index + 1
    return panels


def dashboard(uid: str, title: str, description: str, panels: list[dict]) -> dict:
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}
    return {
        "uid": uid, "title": f"Spillway / {title}", "description": description, "tags": TAGS, "editable": False, "timezone": "utc",
        "refresh": "30s", "schemaVersion": 39, "time": {"from": "now-1h", "to": "now"}, "graphTooltip": 1,
        "links": [{"type": "dashboards", "title": "Spillway", "tags": TAGS, "asDropdown": True, "includeVars": True, "keepTime": True}],
        "templating": {"list": [source, variable("namespace", "Namespace"), variable("job", "Job")]},
        "annotations": {"list": []}, "panels": laid_out(panels)}


RED_IF_ANY = (("green", None), ("red", 1))
ORANGE_IF_ANY = (("green", None), ("orange", 1))


def overview() -> dict:
    oldest = f"max(spillway_pod_oldest_pending_timestamp_seconds{{{OURS}}} > 0)"
    return dashboard("spillway-overview", "Overview", "Is it working, and what is on virtual nodes?", [
        row("Now"),
        number("Leaders", "Controllers that hold the lease: 1. With --dry-run there is none.", "short",
               query(f'sum(leader_election_master_status{{{OURS}, name="spillway-controller"}})'),
               steps=(("red", None), ("green", 1), ("red", 2))),
        number("Oldest waiting", "How long the oldest Pod that fits on no real node has been pending. 0: there is none.", "s",
               query(f"(time() - {oldest}) or vector(0)"), steps=(("green", None), ("orange", 60), ("red", 300))),
        number("Without a virtual node", "Pods that fit on no real node, and on no virtual node either.", "short",
               query(f'max(spillway_pods_pending{{{OURS}, state="no_virtual_node"}})'), steps=RED_IF_ANY),
        number("Virtual nodes ready", "Ready and not cordoned.", "short",
               query(f"sum(max by (virtual_node) (spillway_virtual_node_ready{{{OURS}}}))"), steps=(("red", None), ("green", 1))),
        number("Clouds out of reach", "Virtual nodes whose cloud does not answer, or does not know them.", "short",
               query(f"count(spillway_cloud_reachable{{{OURS}}} == 0) or vector(0)"), steps=RED_IF_ANY),
        number("Switched off or dry run", "Controllers whose mode is not Enforce, by configuration or flag: they move nothing.", "short",
               query(f'sum(spillway_mode{{{OURS}, mode!="Enforce"}})'), steps=ORANGE_IF_ANY),
        number("Configuration rejected", "Controllers that could not read their SpillwayConfiguration: the last good one is in effect.", "short",
               query(f"sum(spillway_configuration_rejected{{{OURS}}})"), steps=RED_IF_ANY),
        number("Leaked instances", "Instances whose Pod is gone and which are not deleted yet: paid for, used by nobody.", "short",
               query(f"sum(spillway_instances_orphaned{{{OURS}}})"), steps=RED_IF_ANY),
        row("Pods"),
        lines("Pods without a node", "By what Spillway makes of them. `waiting` and `binding` pass within seconds; `undecidable` is left to "
              "kube-scheduler; `no_virtual_node` needs room.", "short",
              query(f"max by (state) (spillway_pods_pending{{{OURS}}})", "{{state}}"), stacked=True),
        lines("Moved", "Binds onto virtual nodes a second.", "ops",
              query(f'sum by (virtual_node) (rate(spillway_binds_total{{{OURS}, result="bound"}}[$__rate_interval]))', "{{virtual_node}}"),
              stacked=True),
        lines("From pending to bound", "How long Pods had been pending when they were bound, --pending-grace included.", "s",
              *quantiles("spillway_pod_pending_to_bound_seconds")),
        row("What it costs"),
        number("An hour", "What the living instances cost an hour, in the currency of the prices. Instances without a price are not in it.",
               "short", query(f"sum(spillway_instance_cost_per_hour{{{OURS}}})")),
        number("In the range", "What instances have cost in the chosen time, counted by the agents: no bill.", "short",
               query(f"sum(increase(spillway_instance_cost_total{{{OURS}}}[$__range]))", instant=True, range=False)),
        number("Instances without a price", "Nobody knows what they cost: spot, one of several instance types, or a cloud that tells no prices.",
               "short", query(f"sum(spillway_instances_without_price{{{OURS}}})")),
        lines("CPU on virtual nodes", "Requested by the Pods there: what serverless instances are paid by.", "short",
              query(f"max by (virtual_node) (spillway_virtual_node_requested_cpu_cores{{{OURS}}})", "{{virtual_node}}"), stacked=True),
        lines("Memory on virtual nodes", "Requested by the Pods there.", "bytes",
              query(f"max by (virtual_node) (spillway_virtual_node_requested_memory_bytes{{{OURS}}})", "{{virtual_node}}"), stacked=True),
        lines("Instances", "By state. `failed` and `terminating` ones may still be paid for.", "short",
              query(f"sum by (state) (spillway_instances{{{OURS}}})", "{{state}}"), stacked=True),
    ])


def decisions() -> dict:
    agreement = f"rate(spillway_scheduler_agreement_total{{{OURS}}}[$__rate_interval])"
    return dashboard("spillway-decisions", "Decisions", "Why Pods were moved, or not.", [
        row("What was decided"),
        lines("Decisions", "Counted once per Pod as long as they stand.", "ops",
              query(f"sum by (decision) (rate(spillway_decisions_total{{{OURS}}}[$__rate_interval]))", "{{decision}}"), stacked=True, width=12),
        lines("Why Pods are left alone", "Decisions that move nothing, by reason.", "ops",
              query(those_above_zero(f'sum by (decision, reason) (rate(spillway_decisions_total{{{OURS}, decision!~"overflow|would_overflow"}}'
                                     "[$__rate_interval]))", "decision", "reason"), "{{decision}}: {{reason}}"), width=12),
        panel("bargauge", "Decisions in the range", "All reasons and how often each was given in the chosen time.", "short",
              query(f"sum by (decision, reason) (increase(spillway_decisions_total{{{OURS}}}[$__range])) > 0", "{{decision}}: {{reason}}",
                    instant=True, range=False), width=12, height=9, defaults={"decimals": 0},  # increase() extrapolates
              options={"orientation": "horizontal", "displayMode": "basic", "reduceOptions": {"calcs": ["lastNotNull"]}}),
        lines("What keeps Pods off real nodes", "Pods that fit on no real node, by the reason that rules out most nodes.", "short",
              query(f"max by (reason) (spillway_pods_unschedulable{{{OURS}}})", "{{reason}}"), stacked=True, width=12, height=9),
        row("Binds"),
        lines("Binds by result", "conflict: the Pod had changed, decided again; gone: deleted meanwhile; forbidden and error need a look.", "ops",
              query(f"sum by (result) (rate(spillway_binds_total{{{OURS}}}[$__rate_interval]))", "{{result}}"), stacked=True),
        heat("From pending to bound", "Each column is a moment, each cell how many Pods took so long.",
             "spillway_pod_pending_to_bound_seconds", width=16),
        lines("Gates lifted", "From Pods of workloads that keep some replicas on real nodes, a second: plainly, or to virtual nodes.", "ops",
              query(f"sum by (result) (rate(spillway_gates_lifted_total{{{OURS}}}[$__rate_interval]))", "{{result}}"), stacked=True),
        lines("Evictions from virtual nodes", "Pods that their virtual node cannot run, a second: evicted, or why not.", "ops",
              query(f"sum by (result) (rate(spillway_evictions_total{{{OURS}}}[$__rate_interval]))", "{{result}}"), stacked=True),
        row("The webhook"),
        lines("Reviews", "AdmissionReviews answered, a second. Pods without a policy are not among them.", "ops",
              query(f"sum by (duty, result) (rate(spillway_admission_reviews_total{{{OURS}}}[$__rate_interval]))", "{{duty}} {{result}}"),
              stacked=True),
        lines("Time of a review", "From what was read to the answer.", "s", *quantiles("spillway_admission_review_duration_seconds")),
        number("Gates are set", "1: a controller leads and may lift them.", "short", query(f"min(spillway_webhook_gates{{{OURS}}})")),
        number("CA published", "1: kube-apiserver has been told the webhook's CA.", "short",
               query(f"min(spillway_webhook_ca_published{{{OURS}}})")),
        row("Is the simulation right?"),
        lines("Agreement with kube-scheduler", "Its messages on Pods, compared with the simulation's. `differ` should be 0.", "ops",
              query(f"sum by (result) ({agreement})", "{{result}}"), stacked=True),
        number("Messages that differ", "In the chosen time; each kind of Pod is logged once.", "short",
               query(f'sum(increase(spillway_scheduler_agreement_total{{{OURS}, result="differ"}}[$__range]))'), steps=ORANGE_IF_ANY),
        number("Fit, but unscheduled", "Pods that a real node could take for 30 s, while kube-scheduler says they are Unschedulable.", "short",
               query(f"max(spillway_pods_fit_but_unscheduled{{{OURS}}})"), steps=ORANGE_IF_ANY),
        panel("table", "kube-scheduler", "The version that was found, and the one that is simulated.", "short",
              table_query(f"max by (version, simulated) (spillway_kube_scheduler_info{{{OURS}}})"), height=4),
    ])


def virtual_nodes() -> dict:
    def share(resource: str, unit: str) -> dict:
        return query(f"max by (virtual_node) (spillway_virtual_node_requested_{resource}{{{OURS}}}"
                     f" / spillway_virtual_node_capacity_{resource}{{{OURS}}})", f"{{{{virtual_node}}}} {unit}", instant=True, range=False)
    bar = {"orientation": "horizontal", "displayMode": "lcd", "reduceOptions": {"calcs": ["lastNotNull"]}}
    near = {"min": 0, "max": 1, "color": {"mode": "thresholds"}, "thresholds": {"mode": "percentage", "steps": [
        {"color": "green", "value": None}, {"color": "orange", "value": 80}, {"color": "red", "value": 95}]}}
    operations = "spillway_instance_operations_total"
    return dashboard("spillway-virtual-nodes", "Virtual nodes", "Are they healthy, how full are they, and what does the cloud answer?", [
        row("Budgets"),
        panel("bargauge", "Pods", "Share of the budget of Pods that is given away, binds in flight included.", "percentunit", share("pods", ""),
              defaults=near, options=bar),
        panel("bargauge", "CPU", "Share of the budget of CPU that is given away.", "percentunit", share("cpu_cores", ""), defaults=near, options=bar),
        panel("bargauge", "Memory", "Share of the budget of memory that is given away.", "percentunit", share("memory_bytes", ""), defaults=near,
              options=bar),
        row("Health"),
        lines("Ready", "1: Ready and not cordoned.", "short",
              query(f"min by (virtual_node) (spillway_virtual_node_ready{{{OURS}}})", "{{virtual_node}}")),
        lines("Cloud reachable", "1 while the cloud answers and knows the agent. At 0 what runs goes on, and nothing new starts there.", "short",
              query(f"spillway_cloud_reachable{{{OURS}}}", "{{instance}}")),
        lines("Age of the Lease", "Renewed every 10 s; after 40 s the node is NotReady.", "s",
              query(f"time() - (spillway_lease_last_renewal_timestamp_seconds{{{OURS}}} > 0)", "{{instance}}")),
        lines("Certificate of the kubelet API", "How long it is good for. Without it: no logs, no exec, no HPA of Pods there.", "s",
              query(f"(spillway_serving_certificate_expiration_timestamp_seconds{{{OURS}}} > 0) - time()", "{{instance}}")),
        row("Instances"),
        lines("By state", "Of all agents.", "short", query(f"sum by (state) (spillway_instances{{{OURS}}})", "{{state}}"), stacked=True),
        lines("Pods without an instance", "Bound here, and not made yet, or lost.", "short",
              query(f"spillway_pods_without_instance{{{OURS}}}", "{{instance}}")),
        lines("Lost, leaked, not believed", "Lost: gone while its Pod ran. Orphans deleted: no Pod stood behind. Suspect listings lack most of "
              "what must be there.", "short",
              query(f"sum(increase(spillway_instances_lost_total{{{OURS}}}[$__rate_interval]))", "lost"),
              query(f"sum(increase(spillway_orphans_deleted_total{{{OURS}}}[$__rate_interval]))", "orphans deleted"),
              query(f"sum(increase(spillway_listings_suspect_total{{{OURS}}}[$__rate_interval]))", "suspect listings")),
        row("Money"),
        lines("Cost an hour", "Of the living instances of each agent, in the currency of the prices.", "short",
              query(f"spillway_instance_cost_per_hour{{{OURS}}}", "{{provider}} {{instance}}"), stacked=True),
        lines("Cost since the agents began", "Counted by the agents, from 0 at each start: no bill.", "short",
              query(f"spillway_instance_cost_total{{{OURS}}}", "{{provider}} {{instance}}")),
        lines("Instances without a price", "They are not in the cost.", "short",
              query(f"spillway_instances_without_price{{{OURS}}}", "{{provider}} {{instance}}")),
        row("The cloud's answers"),
        lines("Calls", "A second, by operation.", "ops",
              query(f"sum by (operation) (rate({operations}{{{OURS}}}[$__rate_interval]))", "{{operation}}"), stacked=True),
        lines("Refusals", "A second, by operation and reason.", "ops",
              query(those_above_zero(f'sum by (operation, reason) (rate({operations}{{{OURS}, result="error"}}[$__rate_interval]))',
                                     "operation", "reason"), "{{operation}}: {{reason}}")),
        lines("Time of calls", "The slowest tenth begins here.", "s",
              query("histogram_quantile(0.9, sum by (le, operation) (rate("
                    f"spillway_instance_operation_duration_seconds_bucket{{{OURS}}}[$__rate_interval])))", "{{operation}}")),
    ])


def internals() -> dict:
    ours = "* on (job, instance) group_left () spillway_build_info"  # other components have metrics of these names too
    return dashboard("spillway-internals", "Internals", "What the processes do, and what they wait for.", [
        row("Decision rounds"),
        lines("Round", "Time of one round over all pending Pods.", "s", *quantiles("spillway_decision_duration_seconds")),
        lines("Simulation", "Its share: packing all pending Pods.", "s", *quantiles("spillway_simulation_duration_seconds")),
        lines("Since the last round", "Grows while nothing is pending.", "s",
              query(f"time() - (spillway_loop_last_success_timestamp_seconds{{{OURS}}} > 0)", "{{instance}} {{loop}}")),
        row("The API server"),
        lines("Requests", "By method and code.", "ops",
              query(f"sum by (method, code) (rate(rest_client_requests_total{{{OURS}}}[$__rate_interval]) {ours})", "{{method}} {{code}}"),
              stacked=True),
        lines("Held back by --kube-api-qps", "How long requests waited.", "s",
              query(f"histogram_quantile(0.99, sum by (le, job) (rate(rest_client_rate_limiter_duration_seconds_bucket{{{OURS}}}"
                    f"[$__rate_interval]) {ours}))", "p99 {{job}}")),
        lines("Events", "Written and dropped.", "ops",
              query(f"sum by (job) (rate(spillway_events_emitted_total{{{OURS}}}[$__rate_interval]))", "{{job}} written"),
              query(f"sum by (job, reason) (rate(spillway_events_dropped_total{{{OURS}}}[$__rate_interval]))", "{{job}} dropped: {{reason}}")),
        row("Watches"),
        lines("In step", "1: listed completely and its watch is answered.", "short",
              query(f"min by (resource) (spillway_cache_synced{{{OURS}}})", "{{resource}}")),
        lines("Objects held", "By resource.", "short", query(f"max by (resource) (spillway_cache_objects{{{OURS}}})", "{{resource}}")),
        lines("Since the last word", "An object or a bookmark, which comes about once a minute.", "s",
              query(f"max by (resource) (time() - (spillway_watch_last_event_timestamp_seconds{{{OURS}}} > 0))", "{{resource}}")),
        lines("Watches that broke", "An API server that restarts breaks all of them once.", "short",
              query(f"sum by (resource) (increase(spillway_watch_restarts_total{{{OURS}}}[$__rate_interval]))", "{{resource}}")),
        lines("Objects that could not be read", "Should be 0.", "short",
              query(f"sum by (resource) (increase(spillway_objects_malformed_total{{{OURS}}}[$__rate_interval]))", "{{resource}}")),
        row("Processes"),
        lines("CPU", "Cores in use.", "short", query(f"rate(process_cpu_seconds_total{{{OURS}}}[$__rate_interval]) {ours}", "{{instance}}")),
        lines("Memory", "Resident.", "bytes", query(f"process_resident_memory_bytes{{{OURS}}} {ours}", "{{instance}}")),
        lines("File descriptors", "Open.", "short", query(f"process_open_fds{{{OURS}}} {ours}", "{{instance}}")),
        lines("Uptime", "Since the process started.", "s",
              query(f"time() - process_start_time_seconds{{{OURS}}} {ours}", "{{instance}}")),
        panel("table", "Versions", "What runs.", "short",
              table_query(f"max by (instance, version, revision, compiler) (spillway_build_info{{{OURS}}})"), width=16),
    ])


def all_of_them() -> dict[str, dict]:
    """File name without .json -> dashboard."""
    return {"overview": overview(), "decisions": decisions(), "virtual-nodes": virtual_nodes(), "internals": internals()}
