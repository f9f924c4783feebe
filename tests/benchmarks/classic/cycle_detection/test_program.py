from program import explain, find_cycle


def test_no_modules():
    assert find_cycle({}) is None


def test_chain_without_cycle():
    assert find_cycle({"a": ["b"], "b": ["c"], "c": []}) is None


def test_module_importing_itself():
    assert find_cycle({"a": ["a"]}) == ["a", "a"]


def test_two_modules():
    assert find_cycle({"a": ["b"], "b": ["a"]}) == ["a", "b", "a"]


def test_chain_leads_into_cycle():
    imports = {"main": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}
    assert find_cycle(imports) == ["a", "b", "c", "a"]


def test_cycle_behind_a_dead_end():
    imports = {"a": ["x", "b"], "x": [], "b": ["a"]}
    assert find_cycle(imports) == ["a", "b", "a"]


def test_diamond_is_no_cycle():
    imports = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}
    assert find_cycle(imports) is None


def test_module_imported_twice_is_no_cycle():
    assert find_cycle({"a": ["b"], "b": ["os"], "c": ["os", "b"]}) is None


def test_unlisted_modules_have_no_imports():
    assert find_cycle({"a": ["os"]}) is None


def test_explanations():
    assert explain({"a": ["b"]}) == "no circular imports"
    assert explain({"a": ["b"], "b": ["a"]}) == "circular import: a -> b -> a"
