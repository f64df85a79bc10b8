// Begin the replica set, and make the account of the brokers. May run again and again.
const read = (name) => fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();

db.getSiblingDB("admin").auth("root", read("mongo_root_password"));

try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  rs.initiate({
    _id: "town",
    members: ["mongo-1", "mongo-2", "mongo-3"].map((host, _id) => ({ _id, host: `${host}:27017` })),
  });
}
while (!db.hello().isWritablePrimary) sleep(500);

const town = db.getSiblingDB("town");
if (town.getUser("machi") === null) {
  town.createUser({ user: "machi", pwd: read("mongo_password"), roles: ["readWrite"] });
}
