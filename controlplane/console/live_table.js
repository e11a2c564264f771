// A Quasar table whose rows keep their elements: a push puts in and takes out those that changed, and no other.
// NiceGUI makes a slot's template anew whenever anything on the page changes, and with it every row.
import { markRaw } from "vue";

export default {
  inheritAttrs: false,
  template: `
    <q-table v-bind="passed()" :columns="columns" :rows="shown">
      <template v-slot:body="slot">
        <component :is="kind" :key="slot.key" :row="slot.row" :columns="slot.colsMap" @act="act" />
      </template>
    </q-table>
  `,
  props: { columns: Array, rows: Array, row: String },
  data() {
    return {
      kind: markRaw({
        // not Quasar's slot, which is another object each time: a row that has not changed is not drawn anew
        props: ["row", "columns"],
        emits: ["act"],
        computed: {
          props() {
            return { row: this.row, colsMap: this.columns, __trClass: "" };
          },
        },
        template: this.row,
      }),
      shown: Object.freeze([...this.rows]),
    };
  },
  watch: {
    rows(rows) {
      this.shown = Object.freeze([...rows]);
    },
  },
  methods: {
    act(name, value) {
      this.$emit(name, value);
    },
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
