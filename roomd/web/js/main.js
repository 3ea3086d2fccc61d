const params = JSON.parse(document.getElementById("params").textContent);
document.body.textContent = params.room_id;
