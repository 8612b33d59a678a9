"""What a credential may do, as a bucket policy would say it.

A statement is {"action": "s3:DeleteObject", "prefix": "packs/", "unless": "conditional"}: that action on
keys that begin with the prefix is denied; with "unless", only where the request does not carry
If-None-Match, which is how a policy forbids to overwrite.
"""

from s3_errors import S3Error


def allowed(credential, action, key="", conditional=False):
    return not any(
        statement["action"] == action
        and key.startswith(statement.get("prefix", ""))
        and not (conditional and statement.get("unless") == "conditional")
        for statement in credential.deny)


def require(credential, action, key="", conditional=False):
    if not allowed(credential, action, key, conditional):
        raise S3Error("AccessDenied", f"User {credential.access_key} is not authorized to perform: "
                                      f"{action} with an explicit deny in a resource-based policy")
