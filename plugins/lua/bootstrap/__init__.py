"""The trusted Lua that every plugin's runtime begins with; `runtime` says in which order."""
