"""The domain: each feature a folder of components, definitions, systems and a manager as its front door."""
