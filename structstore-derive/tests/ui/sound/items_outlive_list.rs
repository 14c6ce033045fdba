use structstore::StructStore;
use structstore::guard::ListMut;
use structstore::typed::TypedListMut;

fn items<'s>(list: &mut ListMut<'s>) -> &'s mut i64 {
    list.get_mut::<i64>(0).unwrap()
}

fn typed_items<'s>(list: &mut TypedListMut<'s, i64>) -> &'s mut i64 {
    list.get_mut(0).unwrap()
}

fn main() {
    let store = StructStore::new();
    let mut list = store.ensure_list("list").unwrap().write().unwrap();
    let mut items = list.iter_mut::<i64>();
    let first = items.next().unwrap().unwrap();
    list.push(5_i64).unwrap();
    *first = 1;
}
