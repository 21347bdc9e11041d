"""Prometheus rules: recorded SLIs, alerts with texts in two languages, burn rates of service level objectives.

ruleset.default()          list[Group]  for people without a configuration; committed in dashboards/prometheus
ruleset.for_config(config) list[Group]  with the objectives of each endpoint
document.render(groups)    str          the YAML that Prometheus loads; always the same for the same groups
"""
