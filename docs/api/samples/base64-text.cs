// Suggested labels of a file on this machine, sent as text in JSON. .NET 6 or newer.
using System;
using System.IO;
using System.Net.Http;
using System.Net.Http.Json;

const string host = "HOST";
const string token = "TOKEN";
const string project = "PROJECT";

using var client = new HttpClient();
client.DefaultRequestHeaders.Add("X-Auth-token", token);
var image = await File.ReadAllBytesAsync("photo.jpg");
using var body = JsonContent.Create(new { base64 = Convert.ToBase64String(image) });
using var response = await client.PostAsync(
    $"{host}/api/similarity-labels?project={project}&threshold=30&use-first=false&save=false", body);
Console.WriteLine(await response.Content.ReadAsStringAsync());
return response.IsSuccessStatusCode ? 0 : 1;
