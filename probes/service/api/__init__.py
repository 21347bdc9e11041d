"""The JSON API, version 1: keys are only added.

operation.py   what an operation is, and how a request becomes a call of its function
problems.py    errors, as application/problem+json (RFC 9457)
parameters.py  query parameters and bodies, read by the types that describe them
openapi.py     the OpenAPI document, from the same table
operations.py  the table
routes.py      the table as routes
answers.py     what the operations answer
the rest       the operations' functions
"""
