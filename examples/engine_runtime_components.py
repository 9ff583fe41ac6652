"""Demonstrates components made from data at run time, queries by name, and a schema that changes."""

import json

from tickwright import World

SCHEMAS = json.loads("""{
  "Decay": {"rate": "f32", "left": {"type": "f32", "default": 1.0, "unit": "s", "low": 0, "label": "time left"}},
  "Memo": {"text": "string", "tags": "list"}
}""")

world = World()
Decay, Memo = (world.register(name, schema) for name, schema in SCHEMAS.items())
ids = world.spawn_batch(3, Decay.columns(rate=[0.1, 0.2, 0.3]))
world.spawn(Decay(rate=0.5), Memo("leaking"))

for decay, _ in world.query_named("mut Decay", "Memo?"):
    decay.left -= decay.rate
print([round(row.left, 2) for (row,) in world.query_named("Decay").rows()])
print({name: (field.unit, field.label) for name, field in world.components.fields(Decay).items()})

Decay = world.register("Decay", {"left": "f64", "half_life": {"type": "i32", "default": 12}})
print(world.describe(4))
print(world.components.names())

# Output:
# [0.9, 0.8, 0.7, 0.5]
# {'rate': ('', ''), 'left': ('s', 'time left')}
# Entity(4)
#   Memo(text='leaking', tags=[])
#   Decay(left=0.5, half_life=12)
# ['Memo', 'Decay']
