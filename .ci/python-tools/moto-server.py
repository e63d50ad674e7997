"""moto's server, mended where it stands in the way of a deployment.

ValidateTemplate lets cfn-lint's warnings pass, as AWS does, and refuses its errors. A stack's
resources leave out those that moto has no model of, which else break the look for any of them.
"""

from moto.cloudformation import models
from moto.server import main

lint = models.validate_template_cfn_lint
models.validate_template_cfn_lint = lambda template: [
    match for match in lint(template) if match.rule.severity == "error"
]
models.Stack.stack_resources = property(
    lambda stack: [resource for resource in stack.resource_map.values() if resource is not None]
)

main()
