def test_front_package_imports() -> None:
    import tickwright

    assert tickwright.__doc__
