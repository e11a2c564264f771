// The blocks of a spectrum grid, painted row by row on a picture that an ECharts chart shows: the chart has axes, zoom
// and tooltip. As items of ECharts thousands of blocks are made and painted anew whenever one of them changes.
const DIM = 0.28; // how opaque a block is while another lightpath is chosen
const [COLUMN, WIDTH, COLOUR, ROWS, TOLD] = [0, 1, 2, 3, 4];

export default {
  template: "<div hidden></div>",
  props: { chart: Number, colours: Array, lightpaths: Object, chosen: String, turn: Number },
  created() {
    this.canvas = document.createElement("canvas");
    this.hovered = null;
    this.lit = this.chosen;
    this.take();
  },
  watch: {
    lightpaths() {
      this.take();
      this.paint();
    },
    colours() {
      this.paint();
    },
  },
  methods: {
    take() {
      this.paths = new Map(); // by service
      this.rows = []; // of each row, its paths by service
      for (const [service, path] of Object.entries(this.lightpaths)) this.put(service, path);
    },
    put(service, path) {
      this.paths.set(service, path);
      for (const row of path[ROWS]) (this.rows[row] ??= new Map()).set(service, path);
    },
    // What was painted before is brought to what is there now. NiceGUI may send a patch after all of a later state.
    patch(turn, gone, put) {
      if (turn !== this.turn) return;
      const stale = new Set();
      for (const service of gone) {
        for (const row of this.paths.get(service)?.[ROWS] ?? []) {
          this.rows[row].delete(service);
          stale.add(row);
        }
        this.paths.delete(service);
      }
      for (const [service, path] of Object.entries(put)) {
        this.put(service, path);
        path[ROWS].forEach((row) => stale.add(row));
      }
      this.paint(stale);
    },
    choose(service) {
      this.lit = service;
      this.paint();
    },
    // ECharts asks for the picture whenever the axes are laid out anew: another size, another zoom.
    picture(params, api) {
      const { x, y, width, height } = params.coordSys;
      const [first_x, first_y] = api.coord([0, 0]);
      const [column, row] = api.size([1, 1]);
      const chart = getElement(this.chart).chart;
      const scale = chart.getDevicePixelRatio();
      this.frame = { x, y, width, height, column, row, scale, left: first_x, top: first_y - row / 2 };
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      if (this.painter !== chart.getZr()) this.listen(chart);
      this.paintRows(this.rows.keys());
      return { type: "image", silent: true, style: { image: this.canvas, x, y, width, height }, transition: [] };
    },
    paint(stale) {
      if (!this.frame) return;
      this.paintRows(stale ?? this.rows.keys());
      for (const shape of this.painter.storage.getDisplayList())
        if (shape.style.image === this.canvas) shape.dirty(); // it goes on the screen with the next frame
    },
    paintRows(rows) {
      const { x, y, column, row: pitch, scale, left, top } = this.frame;
      const pencil = this.canvas.getContext("2d");
      const edge = (row) => Math.round((top - y + row * pitch) * scale); // whole pixels: a row can be wiped alone
      const inset = Math.min(0.75, column / 8) * scale;
      const radius = column < 4 ? 0 : Math.min(2, column / 4) * scale;
      for (const row of rows) {
        const upper = edge(row), room = edge(row + 1) - upper;
        if (upper + room < 0 || upper > this.canvas.height) continue;
        pencil.clearRect(0, upper, this.canvas.width, room);
        const height = Math.max(Math.round(room * 0.74), Math.min(room, 2));
        const start = upper + Math.floor((room - height) / 2);
        for (const [service, path] of this.rows[row] ?? []) {
          const isChosen = service === this.lit;
          pencil.fillStyle = this.colours[isChosen ? this.colours.length - 1 : path[COLOUR]];
          pencil.globalAlpha = !this.lit || isChosen || service === this.hovered ? 1 : DIM;
          const begin = (left - x + path[COLUMN] * column) * scale + inset;
          const width = Math.max(path[WIDTH] * column * scale - 2 * inset, scale);
          if (!radius) {
            pencil.fillRect(begin, start, width, height);
            continue;
          }
          pencil.beginPath();
          pencil.roundRect(begin, start, width, height, radius);
          pencil.fill();
        }
      }
    },
    // Row and service of the block at a place of the chart.
    at(across, down) {
      const { x, y, width, height, column, row: pitch, left, top } = this.frame;
      if (across < x || across > x + width || down < y || down > y + height) return [];
      const row = Math.floor((down - top) / pitch), place = (across - left) / column;
      for (const [service, path] of this.rows[row] ?? [])
        if (path[COLUMN] <= place && place < path[COLUMN] + path[WIDTH]) return [row, service];
      return [];
    },
    listen(chart) {
      this.painter = chart.getZr();
      const hover = (service) => {
        const stale = [this.hovered, service].flatMap((each) => this.paths.get(each)?.[ROWS] ?? []);
        const isOther = service !== this.hovered;
        this.hovered = service;
        if (isOther && this.lit) this.paint(stale);
      };
      this.painter.on("mousemove", ({ offsetX: x, offsetY: y }) => {
        const [row, service] = this.at(x, y);
        hover(service ?? null);
        if (!service) return;
        this.painter.setCursorStyle("pointer");
        const name = document.createElement("i");
        name.textContent = chart.getOption().yAxis[0].data[row];
        const told = this.paths.get(service)[TOLD].replace("{row}", () => name.innerHTML);
        chart.dispatchAction({ type: "showTip", x, y, tooltip: { formatter: () => told } });
      });
      this.painter.on("globalout", () => hover(null));
      this.painter.on("click", ({ offsetX: x, offsetY: y }) => {
        const [, service] = this.at(x, y);
        if (service) this.$emit("pick", service);
      });
    },
  },
};
