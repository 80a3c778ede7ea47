// Suggested labels of an image on the web. .NET 6 or newer.
using System;
using System.Net.Http;
using System.Net.Http.Json;

const string host = "HOST";
const string token = "TOKEN";
const string project = "PROJECT";

using var client = new HttpClient();
client.DefaultRequestHeaders.Add("X-Auth-token", token);
using var body = JsonContent.Create(new { url = "https://example.com/photo.jpg" });
using var response = await client.PostAsync(
    $"{host}/api/similarity-labels?project={project}&threshold=30&use-first=false&save=false", body);
Console.WriteLine(await response.Content.ReadAsStringAsync());
return response.IsSuccessStatusCode ? 0 : 1;
