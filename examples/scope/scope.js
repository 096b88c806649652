// SPDX-License-Identifier: LGPL-2.1-or-later

/* A window that draws an array while another process writes it: wave.py, in its folder, or whatever else has an arena
 * with the arrays "samples" (float32, from -1 to 1), "frame" and "shown" (uint32, one item each).
 *
 *     scope.js NAME [FRAMES [FOLDER]]
 *
 * NAME is the arena's. After FRAMES frames, the window closes. In FOLDER there will be a picture of each. */

import GLib from 'gi://GLib';
import Gtk from 'gi://Gtk?version=4.0';
import System from 'system';
import Tbuf from 'gi://Tbuf?version=1';

const WIDTH = 512;
const HEIGHT = 200;

const [name, nFrames = Infinity, folder = null] = System.programArgs;
const arena = Tbuf.Arena.open(name, Tbuf.ArenaFlags.NONE);
const samples = arena.view('samples');
const frame = arena.view('frame');
const shown = arena.view('shown');
let drawn = 0;

/* The array is the shared memory itself. The lock keeps the writer out while cairo draws it. */
function draw(_area, cr, width, height) {
    samples.withLock(() => {
        const {array} = samples;
        const x = i => i * (width - 1) / (array.length - 1) + 0.5;
        const y = value => (1 - value) / 2 * (height - 1) + 0.5;

        cr.setSourceRGB(0, 0.1, 0.05);
        cr.paint();
        cr.setSourceRGB(0.3, 1, 0.5);
        cr.setLineWidth(2);
        array.forEach((value, i) => cr.lineTo(x(i), y(value)));
        cr.stroke();
        drawn = frame.array[0];
    }, {shared: true, timeout: 1});
    cr.$dispose();
}

function save(widget, path) {
    const snapshot = new Gtk.Snapshot();

    new Gtk.WidgetPaintable({widget}).snapshot(snapshot, WIDTH, HEIGHT);
    widget.get_native().get_renderer().render_texture(snapshot.to_node(), null).save_to_png(path);
}

Gtk.init();
const loop = new GLib.MainLoop(null, false);
const area = new Gtk.DrawingArea({content_width: WIDTH, content_height: HEIGHT});
const window = new Gtk.Window({title: name, child: area, resizable: false});

area.set_draw_func(draw);
samples.connect('changed', () => area.queue_draw());
window.connect('close-request', () => loop.quit());
window.connect('realize', () => window.get_frame_clock().connect('after-paint', () => {
    if (drawn === shown.array[0])
        return;
    if (folder !== null)
        save(area, GLib.build_filenamev([folder, `frame-${drawn}.png`]));
    /* The writer may go on. */
    shown.atomic_store(0, drawn);
    shown.atomic_notify(0);
    if (drawn >= nFrames)
        loop.quit();
}));
window.present();
loop.run();
