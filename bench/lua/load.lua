-- One request generator for every operation.
-- Arguments: operation, number of seeded entities, number of this cell, file of bodies (create),
-- and any number of headers, as "Name: value".

local ENTITIES = "/ngsi-ld/v1/entities"
local PREFIX = "urn:ngsi-ld:AirQualityObserved:"
local TEMPERATURE_STEP = 0.002
local JSON = { ["Content-Type"] = "application/json" }

local count, cell, sent
local bodies = {}

local function anyone()
  return string.format("%s/%s%06d", ENTITIES, PREFIX, math.random(0, count - 1))
end

local function retrieve()
  return wrk.format("GET", anyone())
end

local function update()
  local value = 20 + math.random(0, 79999999) / 1000000
  local body = string.format('{"relativeHumidity":{"type":"Property","value":%.6f}}', value)
  return wrk.format("PATCH", anyone() .. "/attrs", JSON, body)
end

local function create()
  sent = sent + 1
  local head = string.format('{"id":"%snew:%d:%d",', PREFIX, cell, sent)
  return wrk.format("POST", ENTITIES, JSON, head .. bodies[sent % #bodies + 1])
end

-- Between 20 and 22 of the seeded entities are warmer than this; the text differs each time.
local function query()
  local threshold = TEMPERATURE_STEP * (count - 22 + 1.9 * math.random())
  local path = "%s?type=AirQualityObserved&q=temperature%%3E%.6f&limit=20"
  return wrk.format("GET", string.format(path, ENTITIES, threshold))
end

local function detection()
  return wrk.format("GET", string.format("%s/urn:ngsi-ld:TagDetection:%d", ENTITIES, math.random(0, count - 1)))
end

local function mix()
  local dice = math.random(100)
  if dice <= 60 then return retrieve() end
  if dice <= 85 then return update() end
  if dice <= 95 then return query() end
  return create()
end

local operations = {
  retrieve = retrieve, update = update, create = create, query = query, mix = mix,
  detection = detection,
}

function init(args)
  request = operations[args[1]]
  count = tonumber(args[2])
  cell = tonumber(args[3])
  sent = 0
  math.randomseed(cell)
  for place = 5, #args do
    local name, value = args[place]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  if args[4] then
    for line in io.lines(args[4]) do bodies[#bodies + 1] = line end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"max":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency.max, errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
