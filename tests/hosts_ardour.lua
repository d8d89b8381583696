-- A session in Ardour 7 without a screen: Unfold on a mono and on a stereo track, bounced, saved and opened again.
--
-- Usage: ardour7-lua hosts_ardour.lua SESSION_FOLDER
-- The folder must not exist yet. Ardour finds the plugin where its scanner, run before, has listed it.

local RATE_HZ = 48000
-- 20 ms
local LATENCY_SAMPLES = 960
local LENGTH_SAMPLES = 2 * RATE_HZ
-- Parameters are set to these, and looked at again in the session that was saved.
local SET = { ["Amount"] = 0.25, ["Keep At Least"] = -12, ["Layers"] = 2, ["Output Gain"] = -6 }
local DEFAULTS = {
	["Amount"] = 1, ["Keep At Least"] = -24, ["Layers"] = 4, ["Hear"] = 0, ["Stereo"] = 0,
	["Adapt"] = 1, ["Learn Noise"] = 0, ["Output Gain"] = 0, ["Bypass"] = 0,
}

-- Ends the script with one sentence.
local function ensure(holds, sentence, ...)
	if not holds then
		error(string.format(sentence, ...), 0)
	end
end

-- Ardour's numbers of the plugin's parameters, by name.
local function parameter_numbers(unfold)
	local plugin = unfold:to_insert():plugin(0)
	local numbers = {}
	for number = 0, plugin:parameter_count() - 1 do
		local _, out = plugin:get_parameter_descriptor(number, ARDOUR.ParameterDescriptor())
		numbers[out[2].label] = number
	end
	for name in pairs(DEFAULTS) do
		ensure(numbers[name], "Ardour sees no parameter %s", name)
	end
	return numbers
end

local function set_parameters(unfold, values)
	local numbers = parameter_numbers(unfold)
	for name, value in pairs(values) do
		ensure(ARDOUR.LuaAPI.set_processor_param(unfold, numbers[name], value), "%s cannot be set to %g", name, value)
	end
end

local function check_parameters(track, unfold, values, moment)
	local numbers = parameter_numbers(unfold)
	for name, value in pairs(values) do
		local got = ARDOUR.LuaAPI.get_processor_param(unfold, numbers[name], true)
		ensure(math.abs(got - value) < 1e-4, "%s on the %s track is %g %s, not %g", name, track:name(), got, moment, value)
	end
end

-- The plugin on a track. Its place in the list counts only what a user can move, so 0 is before the fader.
local function insert(track)
	local unfold = ARDOUR.LuaAPI.new_plugin(Session, "Unfold", ARDOUR.PluginType.VST3, "")
	ensure(not unfold:isnil(), "Ardour's scanner has not listed the plugin Unfold")
	local refused = track:add_processor_by_index(unfold, 0, nil, true)
	ensure(refused == 0, "Ardour cannot insert the plugin on the %s track", track:name())
	return unfold
end

-- Ardour works latencies out beside the script: they are waited for, 5 s at most.
local function check_latency(track)
	local samples, session_samples
	for _ = 1, 50 do
		samples, session_samples = track:signal_latency(), Session:worst_route_latency()
		if samples == LATENCY_SAMPLES and session_samples == LATENCY_SAMPLES then
			return
		end
		sleep(0.1)
	end
	ensure(samples == LATENCY_SAMPLES, "the %s track's latency is %d samples, not %d", track:name(), samples, LATENCY_SAMPLES)
	ensure(false, "the session's latency is %d samples, not %d", session_samples, LATENCY_SAMPLES)
end

-- What the track plays, rendered up to its fader with the latency taken out, as a region without fades.
local function bounce(track, name)
	local region = track:bounce_range(0, LENGTH_SAMPLES, ARDOUR.InterThreadInfo(), track:main_outs(), false, name)
	ensure(not region:isnil(), "Ardour cannot bounce the %s track", track:name())
	region:to_audioregion():set_fade_in_active(false)
	region:to_audioregion():set_fade_out_active(false)
	return region
end

local function samples_of(region, channel)
	local memory = ARDOUR.DSP.DspShm(LENGTH_SAMPLES)
	local read = region:to_audioregion():to_readable():read(memory:to_float(0), 0, LENGTH_SAMPLES, channel)
	ensure(read == LENGTH_SAMPLES, "the region %s has %d samples, not %d", region:name(), read, LENGTH_SAMPLES)
	return memory:to_float(0):get_table(LENGTH_SAMPLES)
end

local function level_db(samples)
	local power = 0
	for _, x in ipairs(samples) do
		power = power + x * x
	end
	return 10 * math.log(power / #samples + 1e-20, 10)
end

-- Noise of Ardour's own generator as a region on a track that holds no plugin yet.
local function place_noise(track)
	local generator = ARDOUR.LuaAPI.new_luaproc(Session, "ACE Noise")
	ensure(not generator:isnil(), "Ardour has no noise generator")
	track:add_processor_by_index(generator, 0, nil, true)
	local region = bounce(track, track:name() .. " noise")
	track:remove_processor(generator, nil, true)
	track:playlist():add_region(region, Temporal.timepos_t(0), 1, false, 0, 0, false)
	return region
end

-- At amount 0 the input comes back sample for sample, because Ardour takes out the reported latency; at 100 % the noise
-- sinks to what is kept of it, -24 dB.
-- On a mono track the plugin has two outputs, which are alike.
local function check_sound(track, unfold, noise)
	set_parameters(unfold, { ["Amount"] = 0 })
	local same = bounce(track, "amount 0")
	set_parameters(unfold, { ["Amount"] = 1 })
	local denoised = bounce(track, "amount 100")
	local inputs, outputs = noise:to_audioregion():n_channels(), same:to_audioregion():n_channels()
	ensure(outputs == 2, "the %s track has %d channels after the plugin, not 2", track:name(), outputs)
	for channel = 0, outputs - 1 do
		local input, output = samples_of(noise, channel % inputs), samples_of(same, channel)
		local input_db = level_db(input)
		ensure(input_db > -40, "the noise on the %s track has only %.1f dB", track:name(), input_db)
		for n = 1, LENGTH_SAMPLES do
			local difference = math.abs(input[n] - output[n])
			ensure(difference < 1e-6, "at amount 0 sample %d of the %s track differs by %g", n, track:name(), difference)
		end
		local change_db = level_db(samples_of(denoised, channel)) - input_db
		ensure(change_db < -12, "noise on the %s track changes by only %.1f dB", track:name(), change_db)
		print(string.format("%s track, channel %d: null at amount 0, noise %.1f dB at 100 %%", track:name(), channel, change_db))
	end
end

local function check_track(name, channels)
	local track
	local order, mode = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
	for made in Session:new_audio_track(channels, channels, nil, 1, name, order, mode, true):iter() do
		track = made
	end
	local noise = place_noise(track)
	local unfold = insert(track)
	check_latency(track)
	check_parameters(track, unfold, DEFAULTS, "by default")
	check_sound(track, unfold, noise)
	set_parameters(unfold, SET)
	check_parameters(track, unfold, SET, "after it was set")
end

-- The plugin on a track of the session that was opened again.
local function check_saved(name)
	local track = Session:route_by_name(name)
	ensure(not track:isnil(), "the saved session has no %s track", name)
	local unfold = track:nth_plugin(0)
	ensure(not unfold:isnil(), "the saved session has no plugin on the %s track", name)
	check_latency(track)
	check_parameters(track, unfold, SET, "in the saved session")
end

local folder = arg[1]
ensure(create_session(folder, "unfold", RATE_HZ), "Ardour cannot make a session")
check_track("mono", 1)
check_track("stereo", 2)
-- What was set reaches the plugin with its next block, and only what is in the plugin is saved.
sleep(1)
ensure(Session:save_state("", false, false, false, false, false) == 0, "Ardour cannot save the session")
-- What still points into the session must be gone before it is.
collectgarbage()
close_session()

ensure(load_session(folder, "unfold"), "Ardour cannot open the saved session")
check_saved("mono")
check_saved("stereo")
collectgarbage()
close_session()
print("Ardour: every check passed")
