// A Quasar table whose rows keep their elements: a push puts in and takes out those that changed, and no other.
// NiceGUI makes a slot's template anew whenever anything on the page changes, and with it every row.
import { markRaw } from "vue";

export default {
  inheritAttrs: false,
  template: `
    <q-table v-bind="passed()" :columns="columns" :rows="shown">
      <template v-slot:body="slot">
        <component :is="kind" :key="slot.key" :props="slot" @act="(name, value) => $emit(name, value)" />
      </template>
    </q-table>
  `,
  props: { columns: Array, rows: Array, row: String },
  data() {
    return {
      kind: markRaw({ props: ["props"], emits: ["act"], template: this.row }),
      shown: Object.freeze([...this.rows]),
    };
  },
  watch: {
    rows(rows) {
      this.shown = Object.freeze([...rows]);
    },
  },
  methods: {
    passed() {
      // without the listeners, which are new functions each time and would have the table drawn anew
      return Object.fromEntries(Object.entries(this.$attrs).filter(([name]) => !name.startsWith("on")));
    },
    patch(gone, put) {
      const key = this.$attrs["row-key"], left = new Set(gone);
      const rows = this.shown.filter((row) => !left.has(row[key]));
      put.forEach(([place, row]) => rows.splice(place, 0, row));
      this.shown = Object.freeze(rows);
    },
  },
};
