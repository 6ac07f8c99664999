/**
 * Stores an entry as the newest of a bounded map, and removes the oldest entry if there are too many.
 *
 * @param most maximum number of entries
 * @example setNewest(new Map([["a", 1], ["b", 2]]), "c", 3, 2) // the map holds b and c
 */
export function setNewest<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most) map.delete(oldest as K);
}
