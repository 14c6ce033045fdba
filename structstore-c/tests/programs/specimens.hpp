// One value of every type that the languages share: those of `tests/src/lib.rs` and `tests/python/peer.py`.
#pragma once

#include <cassert>
#include <cstring>
#include <limits>
#include <string>

#include <structstore.hpp>

inline constexpr std::int64_t least = -(std::int64_t{1} << 62);

/// An array of any type.
struct Specimen {
    const char* name;
    std::string dtype;
    std::vector<std::size_t> shape;
    std::string data;
};

template <typename T>
std::string bytes_of(std::initializer_list<T> elements) {
    return std::string(reinterpret_cast<const char*>(elements.begin()), elements.size() * sizeof(T));
}

inline std::vector<Specimen> arrays() {
    return {
        {"matrix", "<f8", {2, 3}, bytes_of<double>({0, 1, 2, 3, 4, 5})},
        {"scalar array", "<i4", {}, bytes_of<std::int32_t>({7})},
        {"empty array", "<u2", {0, 4}, ""},
        {"big endian", ">i2", {2}, bytes_of<char>({1, 0, 2, 0})},
        {"flags", "|b1", {3}, bytes_of<bool>({true, false, true})},
        {"complex", "<c8", {1}, bytes_of<float>({1, 2})},
        {"times", "<M8[us]", {1}, bytes_of<std::int64_t>({1000000})},
        {"strings", "<U2", {1}, bytes_of<char32_t>({U'h', U'i'})},
        {"records", "[('a', '|u1'), ('b', '<f8')]", {1}, std::string("\5\0\0\0\0\0\0\xf0\x3f", 9)},
    };
}

inline void put_specimens(const structstore::Struct& store) {
    store["none"] = nullptr;
    store["truth"] = true;
    store["i8"] = std::int8_t{-8};
    store["i16"] = std::int16_t{-16};
    store["i32"] = std::int32_t{-32};
    store["int"] = least;
    store["u8"] = std::uint8_t{8};
    store["u16"] = std::uint16_t{16};
    store["u32"] = std::uint32_t{32};
    store["u64"] = std::numeric_limits<std::uint64_t>::max();
    store["f32"] = 0.25F;
    store["float"] = 1e300;
    store["text"] = "gr\u00fc\u00dfe, \u4e16\u754c";
    store["empty text"] = "";
    store["bytes"].set_bytes("\0\xff\n", 3);
    const structstore::List list = store["list"];
    list.push_back(std::int64_t{1});
    list.push_back("two");
    list.push_back(nullptr);
    list.push_back(structstore::List(structstore::StructStore()["none"]));
    structstore::List(list[3].node(STST_LIST)).push_back(3.5);
    store["struct"]["x"] = std::int64_t{1};
    store["struct"]["inner"]["deep"] = "yes";
    for (const Specimen& specimen : arrays()) {
        const stst_array array{specimen.dtype.data(), specimen.dtype.size(), specimen.shape.data(), specimen.shape.size(),
                               const_cast<char*>(specimen.data.data()), specimen.data.size(), false};
        structstore::detail::check(stst_set_array(&store[specimen.name].place(), &array, false));
    }
}

template <typename T>
bool is(const structstore::Struct& store, const char* name, stst_kind kind, T value) {
    return store[name].kind() == kind && store[name].get<T>() == value;
}

inline void assert_specimens(const structstore::Struct& store) {
    assert(store.size() == 26 && store["none"].is_null() && is(store, "truth", STST_BOOL, true));
    assert(is<std::int8_t>(store, "i8", STST_I8, -8) && is<std::int16_t>(store, "i16", STST_I16, -16));
    assert(is<std::int32_t>(store, "i32", STST_I32, -32) && is(store, "int", STST_I64, least));
    assert(is<std::uint8_t>(store, "u8", STST_U8, 8) && is<std::uint16_t>(store, "u16", STST_U16, 16));
    assert(is<std::uint32_t>(store, "u32", STST_U32, 32) && is(store, "u64", STST_U64, std::numeric_limits<std::uint64_t>::max()));
    assert(is(store, "f32", STST_F32, 0.25F) && is(store, "float", STST_F64, 1e300));
    assert(store["text"] == "gr\u00fc\u00dfe, \u4e16\u754c" && store["empty text"] == "");
    assert((store["bytes"].get_bytes() == std::vector<std::uint8_t>{0, 255, 10}));
    const structstore::List list = store["list"];
    assert(list.size() == 4 && list[0] == 1 && list[1] == "two" && list[2].is_null() && list[3][0] == 3.5);
    assert(store["struct"]["x"].kind() == STST_I64 && store.at("struct.inner.deep") == "yes");
    for (const Specimen& specimen : arrays()) {
        stst_view* view = nullptr;
        structstore::detail::check(stst_get_view(&store[specimen.name].place(), &view));
        stst_array array{};
        structstore::detail::check(stst_view_array(view, &array));
        assert(std::string(array.dtype, array.dtype_length) == specimen.dtype && array.size == specimen.data.size());
        assert((std::vector<std::size_t>(array.shape, array.shape + array.dimensions) == specimen.shape));
        assert(array.size == 0 || std::memcmp(array.data, specimen.data.data(), array.size) == 0);
        structstore::detail::check(stst_view_free(view));
    }
}
